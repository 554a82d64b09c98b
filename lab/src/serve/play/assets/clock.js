// Time: where the scrubber is, playing, and steps from change to change.

/** A film takes so many seconds at normal speed. */
const FILM_SECONDS = 9;

const clock = {
  now: 0,
  until: 1,
  /** Times at which a node changes, sorted. */
  changes: [],
  frame: null,
  /** Called with each new time. */
  onTime: () => {},

  reset(until, changes) {
    this.until = until;
    this.changes = [...new Set(changes.filter((ms) => ms <= until))].sort((a, b) => a - b);
    this.set(Math.min(this.now, until));
  },

  set(ms) {
    this.now = Math.max(0, Math.min(ms, this.until));
    $('time').value = Math.round(this.now / this.until * 1000);
    $('time').setAttribute('aria-valuetext', time(this.now));
    $('now').textContent = time(this.now);
    this.onTime(this.now);
  },

  step(direction) {
    this.pause();
    const at = lastUpTo(this.changes, this.now + (direction > 0 ? 1e-6 : -1e-6));
    const next = direction > 0 ? this.changes[at + 1] ?? this.until : this.changes[at] ?? 0;
    this.set(next);
  },

  play() {
    if (this.now >= this.until) this.set(0);
    $('run').textContent = 'Pause';
    let before = null;
    const tick = (at) => {
      const passed = before === null ? 0 : (at - before) / 1000;
      before = at;
      this.set(this.now + passed / (FILM_SECONDS * $('speed').value) * this.until);
      if (this.now >= this.until) this.pause();
      else this.frame = requestAnimationFrame(tick);
    };
    this.frame = requestAnimationFrame(tick);
  },

  pause() {
    if (this.frame !== null) cancelAnimationFrame(this.frame);
    this.frame = null;
    $('run').textContent = 'Play';
  },

  toggle() {
    if (this.frame === null) this.play(); else this.pause();
  },
};

$('run').addEventListener('click', () => clock.toggle());
$('back').addEventListener('click', () => clock.step(-1));
$('forth').addEventListener('click', () => clock.step(1));
$('time').addEventListener('input', () => { clock.pause(); clock.set($('time').value / 1000 * clock.until); });
document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  // Fields and buttons have their own keys.
  if (event.target.closest('input:not([type="range"]), select, button, summary, a')) return;
  if (event.key === ' ') clock.toggle();
  else if (event.key === '.') clock.step(1);
  else if (event.key === ',') clock.step(-1);
  else return;
  event.preventDefault();
});
