"""A calibration recipe: which images an int8 model is fitted to, and how."""

from typing import Literal

from pydantic import Field

from edgeprune.config.section import LARGEST_SEED, Section, Texts


class CalibrationConfig(Section):
    """How the ranges of an int8 model's activations are found."""

    name: str = Field(min_length=1, examples=["mine"], description="What the manifest calls it.")
    images: int = Field(256, ge=2, description="Training images that are looked at.")
    seed: int = Field(0, ge=0, le=LARGEST_SEED, description="Seed of the choice of images.")
    batch_size: int = Field(32, ge=1, description="Images at a time; memory grows with it alone.")
    method: Literal["minmax", "entropy", "percentile"] = Field(
        "minmax",
        description="minmax: the whole range; entropy: what loses least information; percentile: "
        "all but the outermost values.",
    )
    percentile: float = Field(
        99.99, gt=50, le=100, description="Share of values inside the range, of `percentile`."
    )
    per_channel: bool = Field(True, description="One scale for each output channel of a weight.")
    activations: Literal["device", "signed", "unsigned"] = Field(
        "device",
        description="Of an ONNX file; device: what the device's processor is fast with, unsigned "
        "on x86, signed elsewhere.",
    )
    weight_bits: Literal["device", 7, 8] = Field(
        "device",
        description="Of an ONNX file; device: 7 where the device's processor, or this machine's, "
        "which scores the file, sums products in 16 bits (x86 without VNNI).",
    )
    keep_float: Texts = Field(
        (),
        examples=[["Gemm", "layer1.*"]],
        description="Operators (Gemm) and layer names that stay in float; globs.",
    )
