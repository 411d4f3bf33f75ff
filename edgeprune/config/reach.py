"""How a device is reached: over SSH, through a command, or as a board made on this machine.

Host names, users and interpreters become words of a command line, some of them on the device:
none may start with a dash or hold a character that a shell would read.
"""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from edgeprune.config.section import FilePath, Section


def _plain(allowed: str, extra: str) -> AfterValidator:
    """A word of letters, digits and a few more characters, not starting with a dash."""

    def check(word: str) -> str:
        if word.startswith("-") or not all(one.isalnum() or one in extra for one in word):
            msg = f"must be {allowed}, made of letters, digits and {' '.join(extra)}"
            raise ValueError(msg)
        return word

    return AfterValidator(check)


HostName = Annotated[str, Field(min_length=1), _plain("a host name or address", ".-_:%")]
UserName = Annotated[str, Field(min_length=1), _plain("a user name", ".-_")]
JumpHost = Annotated[str, Field(min_length=1), _plain("[USER@]HOST[:PORT]", ".-_:@%")]
Program = Annotated[str, Field(min_length=1), _plain("a program's name or path", "./-_+")]


class SshConfig(Section):
    """A device that is reached over SSH. Its host key must be known; nothing is installed."""

    host: HostName | None = Field(
        None,
        examples=["192.168.1.20"],
        description="Name or address, or a host of the SSH configuration.",
    )
    hosts: Annotated[tuple[HostName, ...], Field(strict=False)] = Field(
        (),
        examples=[["pi-a.local", "pi-b.local"]],
        description="Several boards of one type, in place of `host`: a pool, see docs/devices.md.",
    )
    port: int | None = Field(
        None, ge=1, le=65535, examples=[22], description="Port; null: 22, or as configured."
    )
    user: UserName | None = Field(
        None, examples=["me"], description="User; null: yours, or as configured."
    )
    key: FilePath | None = Field(
        None,
        examples=["~/.ssh/id_ed25519"],
        description="Private key; null: the usual ones, the agent.",
    )
    config: FilePath | None = Field(
        None, examples=["~/.ssh/config"], description="SSH configuration file; null: ~/.ssh/config."
    )
    jump: JumpHost | None = Field(
        None, examples=["me@gateway:22"], description="Host to go through: [USER@]HOST[:PORT]."
    )
    known_hosts: FilePath | None = Field(
        None,
        examples=["known_hosts"],
        description="File with the device's host key; null: ~/.ssh/known_hosts.",
    )
    python: Program = Field("python3", description="Python on the device: 3.8 or later, numpy.")

    @property
    def address(self) -> str:
        """The host; of several the first."""
        return self.host if self.host is not None else self.hosts[0]

    def on(self, host: str) -> Self:
        """The same way to one of several hosts."""
        return self.model_copy(update={"host": host, "hosts": ()})

    @field_validator("hosts")
    @classmethod
    def _each_once(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for place, host in enumerate(hosts):
            if host in hosts[:place]:
                msg = f"the same board twice: {host!r}; allowed: each host once"
                raise ValueError(msg)
        return hosts

    @model_validator(mode="after")
    def _some_host(self) -> Self:
        if (self.host is None) == (not self.hosts):
            got = "neither" if self.host is None else "both"
            msg = f"needs `host`, or `hosts` for several boards of one type; got {got}"
            raise ValueError(msg)
        return self


class CommandConfig(Section):
    """A Python that a command of this machine starts: in an emulator, in a container."""

    python: Annotated[tuple[str, ...], Field(strict=False, min_length=1)] = Field(
        examples=[["docker", "run", "-i", "--rm", "my-image", "python3"]],
        description="The command's words; no shell reads them.",
    )


class BoardConfig(Section):
    """An ARM64 board that edgeprune makes on this machine; see `edgeprune target start`."""

    machine: Literal["virtual", "emulated"] = Field(
        examples=["virtual"],
        description="virtual: a whole machine over SSH, its clock counts instructions; emulated: "
        "one process, whose times mean nothing.",
    )
