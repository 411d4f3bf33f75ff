# Images for builds and for boards:  docker buildx bake -f docker/docker-bake.hcl device-arm64
# `make docker-check` builds some of them from this file with an engine of its own.

variable "DEBIAN" {
  default = "debian:bookworm-slim"
}

variable "L4T" {
  default = "l4t-jetpack:r36.4.0"
}

variable "TORCH_INDEX" {
  default = ""
}

group "default" {
  targets = ["builder-arm64", "builder-armhf", "device-arm64", "edgeprune"]
}

target "builder-arm64" {
  context    = "."
  dockerfile = "docker/builder.Dockerfile"
  platforms  = ["linux/amd64"]
  tags       = ["edgeprune/builder-arm64"]
  args = {
    DEBIAN      = "${DEBIAN}"
    TORCH_INDEX = "${TORCH_INDEX}"
    TOOLCHAIN   = "g++-aarch64-linux-gnu libc6-dev-arm64-cross"
  }
}

target "builder-armhf" {
  context    = "."
  dockerfile = "docker/builder.Dockerfile"
  platforms  = ["linux/amd64"]
  tags       = ["edgeprune/builder-armhf"]
  args = {
    DEBIAN      = "${DEBIAN}"
    TORCH_INDEX = "${TORCH_INDEX}"
    TOOLCHAIN   = "g++-arm-linux-gnueabihf libc6-dev-armhf-cross"
  }
}

target "device-arm64" {
  context    = "."
  dockerfile = "docker/device-arm64.Dockerfile"
  platforms  = ["linux/arm64"]
  tags       = ["edgeprune/device-arm64"]
  args = {
    DEBIAN = "${DEBIAN}"
  }
}

target "device-jetson" {
  context    = "."
  dockerfile = "docker/device-jetson.Dockerfile"
  platforms  = ["linux/arm64"]
  tags       = ["edgeprune/device-jetson"]
  args = {
    L4T = "${L4T}"
  }
}

target "edgeprune" {
  context    = "."
  dockerfile = "docker/edgeprune.Dockerfile"
  platforms  = ["linux/amd64"]
  tags       = ["edgeprune/edgeprune"]
  args = {
    DEBIAN      = "${DEBIAN}"
    TORCH_INDEX = "${TORCH_INDEX}"
  }
}
