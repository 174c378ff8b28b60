"""The server behind nginx and haproxy, each as docs/proxies.md configures it: a WebSocket works through it, and whatever strange
request someone sends through it, the next one's answer is the next one's own."""
import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import forms

HERE = pathlib.Path(__file__).resolve().parent
BINARY = os.environ.get("SLOTCAST_BIN", HERE.parents[1] / "target" / "debug" / "slotcast")
PATIENCE_S = 10
SECRET = b"only who asks for it sees this"
OWN = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
# Proxies share connections to the server from a client's second request on.
THREE = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2 + OWN
HELLO = b'{"type":"hello","user":"ada"}'


@contextlib.contextmanager
def slotcast(folder):
    """A server with a page that only a smuggled request asks for; its address."""
    pages = folder / "pages"
    pages.mkdir()
    (pages / "smuggled.js").write_bytes(SECRET)
    command = [BINARY, "serve", "--dev", "--listen", "127.0.0.1:0", "--behind-proxy", "127.0.0.1", "--pages", pages]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            yield server.stdout.readline().strip().rsplit("http://", 1)[1].rstrip("/")
        finally:
            server.kill()


def replaced(name, changes):
    """The configuration as it is for users, but with this test's addresses; each is there once."""
    text = (HERE / name).read_text()
    for old, new in changes.items():
        assert text.count(old) == 1, f"{old} is {text.count(old)} times in {name}"
        text = text.replace(old, new)
    return text


def nginx(folder, address):
    """The command, and where it listens."""
    door = folder / "nginx.sock"
    (folder / "slotcast.conf").write_text(replaced("nginx.conf", {"listen 80;": f"listen unix:{door};", "127.0.0.1:7440": address}))
    paths = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    http = f"http {{ access_log off; {paths} include {folder}/slotcast.conf; }}"
    (folder / "nginx.conf").write_text(f"pid {folder}/pid; error_log {folder}/error.log; daemon off; events {{}} {http}")
    return ["nginx", "-p", folder, "-e", folder / "error.log", "-c", folder / "nginx.conf"], door


def haproxy(folder, address):
    door = folder / "haproxy.sock"
    (folder / "haproxy.cfg").write_text(replaced("haproxy.cfg", {"bind :80": f"bind unix@{door}", "127.0.0.1:7440": address}))
    return ["haproxy", "-db", "-q", "-f", folder / "haproxy.cfg"], door


@contextlib.contextmanager
def running(command, door):
    with subprocess.Popen([str(word) for word in command]) as proxy:
        try:
            until = time.monotonic() + PATIENCE_S
            while True:
                assert proxy.poll() is None and time.monotonic() < until, f"{command[0]} does not listen"
                with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
                    probe.connect(str(door))
                    break
                with contextlib.suppress(subprocess.TimeoutExpired):
                    proxy.wait(timeout=0.02)
            yield
        finally:
            proxy.terminate()


def connected(door):
    stream = socket.socket(socket.AF_UNIX)
    stream.settimeout(PATIENCE_S)
    stream.connect(str(door))
    return stream


def said(door, request):
    """All that comes back until the proxy closes."""
    with connected(door) as stream, contextlib.suppress(ConnectionError):
        stream.sendall(request)
        answer = b""
        while piece := stream.recv(65536):
            answer += piece
        return answer
    return b""


def answers(bytes_):
    return bytes_.count(b"HTTP/1.1 ") + bytes_.count(b"HTTP/1.0 ")


def masked(first, payload):
    return bytes([first, 0x80 | len(payload), 0, 0, 0, 0]) + payload


def converse(door):
    """A WebSocket from the handshake to the close."""
    lines = [b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Version: 13",
             b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", b"Sec-WebSocket-Protocol: slotcast.v1.json"]
    with connected(door) as stream:
        stream.sendall(forms.head(b"GET", b"/objects", *lines) + masked(0x81, HELLO))
        heard = b""
        while b'"welcome"' not in heard:
            piece = stream.recv(65536)
            assert piece, f"it ended with {heard}"
            heard += piece
        assert heard.startswith(b"HTTP/1.1 101 "), heard
        stream.sendall(masked(0x88, b"\x03\xe8"))
        while piece := stream.recv(65536):
            heard += piece
        assert heard.endswith(b"\x88\x02\x03\xe8"), heard


def attack(door):
    """How many forms were sent, and how many were refused; fails at the first answer that is not the asker's own."""
    # Behind each form the attacker asks for something of his own, so that what waits for more of a body has an end.
    last, refused, sent = b"0\r\n\r\n" + OWN, 0, 0
    for what, form in forms.all_forms():
        sent += 1
        refused += b" 400 " in said(door, form + last).split(b"\r\n", 1)[0]
        answer = said(door, THREE)
        own = answers(answer) == answer.count(b"HTTP/1.1 200 ") == answer.count(b"\r\n\r\nok\n") == 3 and SECRET not in answer
        assert own, f"{what}:\n{form}\nthe next ones were answered\n{answer}"
    return sent, refused


def main():
    subprocess.run([HERE / "setup.sh"], check=True)
    os.environ["PATH"] += ":/usr/sbin"
    passed = skipped = 0
    for proxy in (nginx, haproxy):
        if not shutil.which(proxy.__name__):
            print(f"{proxy.__name__} is neither here nor to be had with apt: skipped")
            skipped += 1
            continue
        with tempfile.TemporaryDirectory() as folder, slotcast(pathlib.Path(folder)) as address:
            command, door = proxy(pathlib.Path(folder), address)
            with running(command, door):
                converse(door)
                sent, refused = attack(door)
                converse(door)
        print(f"{proxy.__name__}: {sent} forms, {refused} refused, no answer went astray; a WebSocket before and after", flush=True)
        passed += 1
    print(f"{passed} passed, 0 failed, {skipped} skipped")


if __name__ == "__main__":
    sys.exit(main())
