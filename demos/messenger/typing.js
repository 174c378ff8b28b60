// Who is writing to me just now, and telling who I write to: signals, which nobody keeps.

/** Told so often while keys are pressed, and believed a little longer. */
const told_ms = 2500;
const believed_ms = 4000;

export function typing(slotcast, changed) {
  const timers = new Map();
  let told = { friend: undefined, at: 0 };

  slotcast.inbox.on("signal", ({ from, kind, body }) => {
    if (kind !== "typing") return;
    end(from);
    if (body === true) timers.set(from, setTimeout(() => end(from), believed_ms));
    changed();
  });

  function end(friend) {
    clearTimeout(timers.get(friend));
    if (timers.delete(friend)) changed();
  }

  /** Only to who is there: others would not hear it, and who does not let me in would refuse it. */
  function tell(friend, is) {
    if (!is && told.friend !== friend) return;
    if (is && told.friend === friend && Date.now() - told.at < told_ms) return;
    told = is ? { friend, at: Date.now() } : { friend: undefined, at: 0 };
    const person = slotcast.person(friend);
    if (person.status.state !== "offline") person.signal("typing", is);
  }

  return { is: (friend) => timers.has(friend), end, tell };
}
