# syntax=docker/dockerfile:1
# CodeSage as an image: a language server on standard input and output. Built natively, on x86-64 (Haswell or newer to
# run) and on aarch64.
#
#   docker build --tag codesage .
#   docker run --rm --interactive --network none --user "$(id -u):$(id -g)" --volume "$PWD:$PWD" codesage
#
# The folder has the same path inside, so that the editor and the server mean the same files. Nothing needs a network.

FROM rust:1.91-slim-bookworm AS build
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends cmake g++ libclang-dev make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /codesage
COPY .cargo .cargo
COPY Cargo.toml Cargo.lock ./
# The manifest names benchmarks and tests: they have to be there, and are not built.
COPY benches benches
COPY tests tests
COPY fixtures fixtures
COPY grammars grammars
COPY models models
COPY src src
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/codesage/target \
    cargo build --release --locked \
    && cp target/release/codesage /usr/local/bin/

FROM debian:bookworm-slim
LABEL org.opencontainers.image.title="CodeSage" \
    org.opencontainers.image.description="A language server with a private, local coding model inside it" \
    org.opencontainers.image.licenses="MIT OR Apache-2.0"
# What the program links to and the base lacks.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 libstdc++6 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 10001 codesage
COPY --from=build /usr/local/bin/codesage /usr/local/bin/
COPY LICENSE models/builtin/LICENSE-NOTES.md /usr/share/doc/codesage/
USER codesage
WORKDIR /home/codesage
ENTRYPOINT ["codesage"]
