# Cross-compiles the products of a run for a board: `edgeprune build RUN_DIR -t TARGET --in-docker`.
#
# The base is a tag and no digest because it is an argument: the engine that `make docker-check`
# starts has look-alikes of Debian under that name. For a release: --build-arg DEBIAN=debian@sha256:…
ARG DEBIAN=debian:bookworm-slim

FROM --platform=$BUILDPLATFORM ${DEBIAN}
# hadolint ignore=DL3002
USER 0
# What changes least comes first: compilers, then packages, then edgeprune itself.
COPY docker/scripts/packages.sh docker/scripts/user.sh /scripts/
ARG TOOLCHAIN
RUN sh /scripts/packages.sh python3 python3-venv cmake make g++ qemu-user-static ${TOOLCHAIN} \
    && sh /scripts/user.sh
# Where CPU wheels of torch are; none: pip's own index.
ARG TORCH_INDEX=""
ARG PIP_NO_INDEX=""
COPY docker/scripts/edgeprune.sh /scripts/
COPY pyproject.toml constraints.txt README.md /src/
RUN --mount=type=bind,source=docker/wheels,target=/wheels \
    sh /scripts/edgeprune.sh dependencies tvm,boards
COPY edgeprune /src/edgeprune
COPY targets /src/targets
COPY calibration /src/calibration
RUN --mount=type=bind,source=docker/wheels,target=/wheels sh /scripts/edgeprune.sh package
ENV PATH=/opt/edgeprune/bin:$PATH \
    ORT_DISABLE_TELEMETRY=1 \
    EDGEPRUNE_CACHE=/home/edgeprune/cache
USER 10001
WORKDIR /work
HEALTHCHECK NONE
ENTRYPOINT ["edgeprune"]
CMD ["--help"]
