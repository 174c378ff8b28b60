"""Requests that two readers could take for different numbers of requests: a head, then a body that is a request to one of them."""

HIDDEN = b"GET /smuggled.js HTTP/1.1\r\nHost: localhost\r\n\r\n"

# What might be read as chunked by one and not by the other.
CODINGS = [
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding : chunked",
    b"Transfer-Encoding:\tchunked",
    b"Transfer-Encoding: chunked ",
    b"Transfer-Encoding:chunked",
    b" Transfer-Encoding: chunked",
    b"X: y\n Transfer-Encoding: chunked",
    b"X: y\r\n Transfer-Encoding: chunked",
    b"X: y\nTransfer-Encoding: chunked",
    b"X: y\rTransfer-Encoding: chunked",
    b"Transfer-Encoding:\r\n chunked",
    b"Transfer-Encoding: xchunked",
    b"Transfer-Encoding: chunkedx",
    b"Transfer-Encoding: CHUNKED",
    b"Transfer-Encoding: \x0bchunked",
    b"Transfer-Encoding: \x00chunked",
    b"Transfer-Encoding: \"chunked\"",
    b"Transfer-Encoding: 'chunked'",
    b"Transfer-Encoding: chunked, identity",
    b"Transfer-Encoding: identity, chunked",
    b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding: chunked, chunked",
    b"Transfer-Encoding: chunked;x=y",
    b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
    b"Transfer-Encoding:\r\nTransfer-Encoding: chunked",
    b"Transfer_Encoding: chunked",
    b"Transfer-Encoding\x00: chunked",
    b"Transfer\xc2\xadEncoding: chunked",
    b"Te: chunked",
]

# What might be read as one length by one and as another by the other; %d is the true one.
LENGTHS = [
    b"Content-Length: 0\r\nContent-Length: %d",
    b"Content-Length: %d\r\nContent-Length: 0",
    b"Content-Length: 0, %d",
    b"Content-Length: %d, 0",
    b"Content-Length: %d, %d",
    b"Content-Length: +%d",
    b"Content-Length: -%d",
    b"Content-Length: 0%d",
    b"Content-Length: %d.0",
    b"Content-Length: 0x%x",
    b"Content-Length : %d",
    b" Content-Length: %d",
    b"Content-Length:\r\n %d",
    b"X: y\nContent-Length: %d",
    b"X: y\rContent-Length: %d",
    b"Content-Length: %d\x00",
    b"Content_Length: %d",
    b"Content-Length: \x0b%d",
]

UPGRADES = [
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13",
    b"Upgrade: websocket\r\nConnection: Upgrade",
    b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__",
    b"Upgrade: websocket",
    b"Connection: Upgrade",
]


def head(method, path, *lines):
    return b"\r\n".join([method + b" " + path + b" HTTP/1.1", b"Host: localhost", *lines, b"", b""])


def all_forms():
    """(what, bytes), each once."""
    ended = b"0\r\n\r\n"
    for coding in CODINGS:
        length = b"Content-Length: %d" % len(ended + HIDDEN)
        yield "chunks that end before the length does", head(b"POST", b"/healthz", length, coding) + ended + HIDDEN
        yield "the same, the length behind it", head(b"POST", b"/healthz", coding, length) + ended + HIDDEN
        chunk = b"%x\r\n" % len(HIDDEN)
        inside = chunk + HIDDEN + b"\r\n" + ended
        yield "a length that ends before the chunks do", head(b"POST", b"/healthz", coding, b"Content-Length: %d" % len(chunk)) + inside
    for length in LENGTHS:
        said = length.replace(b"%d", b"%d" % len(HIDDEN)).replace(b"%x", b"%x" % len(HIDDEN))
        yield "a body of a length that is not clear", head(b"POST", b"/healthz", said) + HIDDEN
    for upgrade in UPGRADES:
        yield "an upgrade that fails, and what is behind it", head(b"GET", b"/objects", upgrade) + HIDDEN
        yield "one with a body", head(b"GET", b"/objects", upgrade, b"Content-Length: %d" % len(HIDDEN)) + HIDDEN
