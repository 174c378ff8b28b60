"""A stranger in chat/lobby, written from protocol.md alone (needs `websockets` 14+): chat.py ws://HOST/objects [user]"""
import asyncio, contextlib, itertools, json, random, sys, threading, time, uuid
from websockets import WebSocketException, connect
url, user, device = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "stranger", str(uuid.uuid4())
lines, ids, answered = asyncio.Queue(), itertools.count(1), asyncio.Event()
have, saying, retry_ms, speaker = [None, 0], None, None, None    # have: epoch and version of what has been printed
def show(entries): [print(f'{e["by"]}: {e["item"]["text"]}', flush=True) for e in entries if e["v"] > have[1]]
def read(loop): [loop.call_soon_threadsafe(lines.put_nowait, line.strip()) for line in sys.stdin if line.strip()]
async def tell(ws, kind, **fields):
    with contextlib.suppress(WebSocketException): await ws.send(json.dumps({"type": kind, **fields}))
async def speak(ws):                                             # one at a time; after a cut the same, with its old id
    global saying
    while saying := saying or (next(ids), {"op": "append", "slot": "log", "value": {"text": await lines.get()}}):
        answered.clear()
        await tell(ws, "write", id=saying[0], object="chat/lobby", ops=[saying[1]])
        await answered.wait()
async def hear(ws, m):
    global have, saying, retry_ms, speaker
    match m["type"]:
        case "welcome": await tell(ws, "use", object="chat/lobby", slots=["log"], **({"cursor": have} if have[0] else {}))
        case "snapshot":
            if m["epoch"] != have[0]: have, saying = [m["epoch"], 0], None    # another life: the unanswered is lost
            for slot in m["slots"]: show(slot["value"])
        case "diff": [show(c.get("items") or c.get("value") or []) for c in m["changes"]]
        case "success" | "reject": saying = answered.set() or m["type"] == "reject" and print("not said:", m["what"])
        case "goaway": retry_ms = m["retry_ms"]
        case "error": sys.exit(f'{m["code"]}: {m["what"]}')
    if m["type"] in ("snapshot", "diff") and not m.get("more"):  # up to date
        have[1], speaker = max(have[1], m.get("to", m.get("version"))), speaker or asyncio.create_task(speak(ws))
async def main():
    global retry_ms, speaker
    attempt, _ = 0, threading.Thread(target=read, args=[asyncio.get_running_loop()], daemon=True).start()
    while since := time.monotonic():
        with contextlib.suppress(OSError, WebSocketException):
            async with connect(url, subprotocols=["slotcast.v1.json"], max_size=None) as ws:
                await tell(ws, "hello", user=user, device=device)
                async for text in ws: await hear(ws, json.loads(text))
        speaker, attempt = speaker and speaker.cancel() and None, 0 if time.monotonic() - since > 60 else attempt + 1
        retry_ms = await asyncio.sleep(retry_ms / 1000 if retry_ms else random.uniform(0, min(30, 0.5 * 2 ** min(attempt, 6))))
asyncio.run(main())
