# edgeprune on a desk or a server. For CUDA: --build-arg DEBIAN=<a CUDA base with Python 3.11> and
# TORCH_INDEX of its wheels. The base is a tag for the reason that builder.Dockerfile gives.
ARG DEBIAN=debian:bookworm-slim

FROM --platform=$TARGETPLATFORM ${DEBIAN}
# hadolint ignore=DL3002
USER 0
COPY docker/scripts/packages.sh docker/scripts/user.sh /scripts/
RUN sh /scripts/packages.sh python3 python3-venv g++ openssh-client && sh /scripts/user.sh
ARG TORCH_INDEX=""
ARG PIP_NO_INDEX=""
COPY docker/scripts/edgeprune.sh /scripts/
COPY pyproject.toml constraints.txt README.md /src/
RUN --mount=type=bind,source=docker/wheels,target=/wheels \
    sh /scripts/edgeprune.sh dependencies bocr,boards,dashboard,qat,tflite,tvm
COPY edgeprune /src/edgeprune
COPY targets /src/targets
COPY calibration /src/calibration
RUN --mount=type=bind,source=docker/wheels,target=/wheels sh /scripts/edgeprune.sh package
ENV PATH=/opt/edgeprune/bin:$PATH \
    ORT_DISABLE_TELEMETRY=1
USER 10001
WORKDIR /work
HEALTHCHECK NONE
ENTRYPOINT ["edgeprune"]
CMD ["--help"]
