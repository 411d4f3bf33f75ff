# What a 64-bit ARM board needs to be measured on: Python, numpy, ONNX Runtime, TVM's runtime. Use
# it as a target's Python:
#   {name: my-board, kind: command, command: {python: [docker, run, -i, --rm, edgeprune/device-arm64]}}
#
# The base is a tag for the reason that builder.Dockerfile gives.
ARG DEBIAN=debian:bookworm-slim

# Wheels for the board are only unpacked, which the build machine does at full speed.
FROM --platform=$BUILDPLATFORM ${DEBIAN} AS site
COPY docker/scripts/packages.sh /scripts/
RUN sh /scripts/packages.sh python3 python3-pip
ARG PIP_NO_INDEX=""
COPY docker/scripts/site.sh docker/scripts/trim-site.sh docker/device-requirements.txt /scripts/
RUN --mount=type=bind,source=docker/wheels,target=/wheels \
    sh /scripts/site.sh aarch64 /scripts/device-requirements.txt /site \
    && sh /scripts/trim-site.sh /site

FROM --platform=$TARGETPLATFORM ${DEBIAN}
COPY docker/scripts/packages.sh docker/scripts/user.sh /scripts/
RUN sh /scripts/packages.sh python3-minimal libpython3-stdlib libstdc++6 && sh /scripts/user.sh
COPY --from=site /site /opt/site
ENV PYTHONPATH=/opt/site \
    PYTHONDONTWRITEBYTECODE=1 \
    ORT_DISABLE_TELEMETRY=1
USER 10001
WORKDIR /home/edgeprune
HEALTHCHECK NONE
ENTRYPOINT ["python3"]
