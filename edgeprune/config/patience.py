"""What is done about a device that fails while a run measures on it."""

from pydantic import Field

from edgeprune.config.section import Section


class PatienceConfig(Section):
    """What a run does about a device that fails while it measures."""

    retries: int = Field(
        3,
        ge=0,
        le=100,
        description="Further tries of a measurement that the device spoilt: it was lost, hung, "
        "too hot. After them a search sets the candidate aside.",
    )
    pause_s: float = Field(
        1.0,
        ge=0,
        description="Seconds before the first further try; before each later one four times more, "
        "up to 60.",
    )
    away_s: float = Field(
        600.0,
        ge=0,
        description="Seconds that a device which does not answer any more is waited for: it may "
        "reboot. Of a pool, seconds without any board.",
    )
    cool_s: float = Field(
        300.0,
        ge=0,
        description="Seconds that a device which is throttled or too hot gets to cool before each "
        "further try, at most.",
    )
    noisy: float = Field(
        0.1,
        gt=0,
        description="Half the width of a ratio's interval, as a share of the ratio, above which a "
        "pool measures once more on another board; a board that is much worse is set aside.",
    )
