"""Deploy: from a finished run to programs and libraries for a device, built on this machine."""

from edgeprune.deploy.builder import build
from edgeprune.deploy.container import build_in_docker
from edgeprune.deploy.elf import ElfFacts, elf_facts

__all__ = ["ElfFacts", "build", "build_in_docker", "elf_facts"]
