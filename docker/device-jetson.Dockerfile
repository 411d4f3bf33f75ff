# A Jetson with ONNX Runtime on TensorRT. L4T is NVIDIA's base image for the board's JetPack, named in
# full with NVIDIA's registry, as its catalogue shows it under l4t-jetpack: tag r36.4.0 is JetPack
# 6.1, r35.4.1 is 5.1.2. ONNX Runtime for Jetson is NVIDIA's wheel: put it into docker/wheels.
ARG L4T=l4t-jetpack:r36.4.0

FROM --platform=linux/arm64 ${L4T}
# hadolint ignore=DL3002
USER 0
COPY docker/scripts/packages.sh docker/scripts/user.sh docker/scripts/jetson.sh /scripts/
RUN sh /scripts/packages.sh python3 python3-pip && sh /scripts/user.sh
RUN --mount=type=bind,source=docker/wheels,target=/wheels sh /scripts/jetson.sh
ENV ORT_DISABLE_TELEMETRY=1
USER 10001
WORKDIR /home/edgeprune
HEALTHCHECK NONE
ENTRYPOINT ["python3"]
