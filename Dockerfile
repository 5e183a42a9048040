# The program is static: the image holds it, a folder for its data, and nothing else.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags=-s -o /out/handshake .
RUN mkdir -p /out/data

FROM scratch
COPY --from=build /out/handshake /handshake
COPY --from=build --chown=65532:65532 --chmod=0700 /out/data /data
USER 65532:65532
# SQLite sorts in a file what is too much for its memory, and there is no /tmp.
ENV ADDR=:8080 DATABASE_URL=/data/handshake.db SQLITE_TMPDIR=/data GIN_MODE=release
EXPOSE 8080
VOLUME /data
ENTRYPOINT ["/handshake"]
