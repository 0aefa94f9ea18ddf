// The picture: one frame, or two with a wipe between them, side by side, or four; on a canvas.
import { framePath } from "./api.js";
import { Pictures } from "./pictures.js";
import { button, h, svg } from "./dom.js";

export const MODES = [
  ["plate", "Plate"],
  ["relit", "Relit"],
  ["wipe", "Wipe"],
  ["beside", "Beside"],
  ["gain", "Gain"],
  ["confidence", "Confidence"],
  ["four", "All four"],
];

const corners = () =>
  svg("svg", { viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": "true", fill: "none", stroke: "currentColor", "stroke-width": 2 }, svg("path", { d: "M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4" }));

const AHEAD = 10;
const GAP_PX = 6;
const MOST_STOPS = 8;

export class Viewer {
  constructor({ onframe, onmode = () => {} }) {
    this.onframe = onframe;
    this.onmode = onmode;
    this.pictures = new Pictures();
    this.mode = "plate";
    this.split = 0.5;
    this.stops = 0;
    this.playing = false;
    this.override = null; // what takes the place of the relit frame: the preview of a grade, the scene's shape
    this.overrideName = "";
    this.overlay = null; // draws on top: a brush
    this._build();
  }

  _build() {
    this.canvas = h("canvas", { "aria-hidden": "true" });
    this.caption = h("div", { class: "caption", "aria-live": "polite" });
    this.stage = h(
      "div",
      { class: "stage", tabindex: 0, role: "group", "aria-label": "Picture. Arrow keys: frames; Shift and arrow keys: the wipe" },
      this.canvas,
      this.caption,
    );
    this.modes = h("div", { class: "segments", role: "group", "aria-label": "What is shown" });
    for (const [mode, name] of MODES) {
      this.modes.append(button(name, () => this.show(mode), { "data-mode": mode }));
    }
    this.less = button("−", () => this.expose(-0.5), { "aria-label": "Darker by half a stop", title: "Darker ([)" });
    this.more = button("+", () => this.expose(0.5), { "aria-label": "Brighter by half a stop", title: "Brighter (])" });
    this.stopsShown = button("±0", () => this.expose(-this.stops), { class: "number plain", "aria-label": "Exposure of the view: back to 0", title: "Exposure of the view, in stops. Back to 0" });
    this.full = button(corners(), () => this.fullscreen(), { "aria-label": "Full screen", title: "Full screen (F)" });
    const exposure = h("div", { class: "exposure", role: "group", "aria-label": "Exposure of the view" }, this.less, this.stopsShown, this.more);
    this.bar = h("div", { class: "viewbar" }, this.modes, exposure, this.full);
    this.play = button("▶", () => this.toggle(), { "aria-label": "Play", title: "Play (Space)", class: "play" });
    this.scrub = h("input", { type: "range", class: "scrub", "aria-label": "Frame", oninput: () => this.go(this.clip.frames[this.scrub.value]) });
    this.number = h("output", { class: "number frame" });
    this.transport = h("div", { class: "transport" }, this.play, this.scrub, this.number);
    this.element = h("section", { class: "viewer", "aria-label": "Viewer" }, this.bar, this.stage, this.transport);
    this.stage.addEventListener("pointermove", (event) => this._point(event));
    this.stage.addEventListener("pointerdown", (event) => this._point(event));
    this.stage.addEventListener("keydown", (event) => this._key(event));
    new ResizeObserver(() => this.draw()).observe(this.stage);
  }

  open(clip, frame) {
    this.clip = clip;
    this.override = null;
    this.scrub.max = clip.frames.length - 1;
    this.stage.style.aspectRatio = `${clip.width * clip.aspect} / ${clip.height}`;
    this.frame = undefined;
    this.show(Object.keys(clip.job?.frames || {}).length ? "wipe" : clip.references[frame] ? "wipe" : "plate");
    this.go(frame);
  }

  // Take what is newly known of the clip.
  update(clip) {
    this.clip = clip;
    this.draw();
    this._look();
  }

  go(frame) {
    if (frame === undefined || frame === this.frame) return;
    this.frame = frame;
    const at = this.clip.frames.indexOf(frame);
    this.scrub.value = at;
    this.scrub.setAttribute("aria-valuetext", `frame ${frame}`);
    this.number.textContent = String(frame);
    this.draw();
    this.onframe(frame);
    for (let ahead = 1; ahead <= (this.playing ? AHEAD : 2); ahead++) {
      const next = this.clip.frames[(at + ahead) % this.clip.frames.length];
      for (const path of this.paths(next)) this.pictures.load(path);
    }
  }

  step(by) {
    const { frames } = this.clip;
    this.go(frames[Math.min(frames.length - 1, Math.max(0, frames.indexOf(this.frame) + by))]);
  }

  show(mode) {
    this.mode = mode;
    this._look();
    this.draw();
    this.onmode(mode);
  }

  _look() {
    for (const each of this.modes.children) {
      const chosen = each.dataset.mode === this.mode;
      each.setAttribute("aria-pressed", chosen);
    }
    this.stage.classList.toggle("wiping", this.mode === "wipe");
  }

  expose(by) {
    this.stops = Math.max(-MOST_STOPS, Math.min(MOST_STOPS, this.stops + by));
    this.stopsShown.textContent = this.stops > 0 ? `+${this.stops}` : this.stops < 0 ? String(this.stops).replace("-", "−") : "±0";
    this.draw();
    this.onexposed?.();
  }

  // Show a picture in place of the relit frame, or no longer.
  overrule(bitmap, name = "") {
    this.override?.close();
    this.override = bitmap;
    this.overrideName = name;
    this.draw();
  }

  // Width of the picture on the page, in its pixels.
  get wide() {
    return this.boxes[this.boxes.length - 1][2] * (this.canvas.getBoundingClientRect().width / this.canvas.width);
  }

  fullscreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.element.requestFullscreen?.();
  }

  get size() {
    const edge = Math.max(this.stage.clientWidth, this.stage.clientHeight) * (window.devicePixelRatio || 1);
    return edge <= 480 ? 480 : edge <= 1000 ? 960 : 1280;
  }

  // The kinds of picture that the mode shows, of a frame: what stands for the relit one while there is none.
  kinds(frame = this.frame) {
    const relit = this.clip.job?.frames[frame] !== undefined ? "result" : this.clip.references[frame] ? "reference" : null;
    const other = { plate: ["plate"], relit: [relit], wipe: ["plate", relit], beside: ["plate", relit], gain: ["gain"] };
    return other[this.mode] || (this.mode === "four" ? ["plate", relit, "gain", "confidence"] : [this.mode]);
  }

  paths(frame = this.frame) {
    const { size, stops } = this;
    return this.kinds(frame).map((kind) => kind && framePath(this.clip, frame, kind, { size, stops }));
  }

  async draw() {
    if (!this.clip || this.frame === undefined || !this.stage.clientWidth) return;
    const turn = (this.turn = (this.turn || 0) + 1);
    const paths = this.paths();
    const kinds = this.kinds();
    const shown = await Promise.all(paths.map((path) => this.pictures.load(path)));
    if (turn !== this.turn) return;
    if (this.override) {
      kinds.forEach((kind, i) => {
        if (kind !== "plate") shown[i] = this.override;
      });
    }
    this._paint(shown, kinds);
  }

  _paint(shown, kinds) {
    const ratio = window.devicePixelRatio || 1;
    const { canvas, stage } = this;
    const width = Math.round(stage.clientWidth * ratio);
    const height = Math.round(stage.clientHeight * ratio);
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d");
    context.fillStyle = "#0b0b0b";
    context.fillRect(0, 0, width, height);
    const wiped = this.mode === "wipe";
    this.boxes = wiped ? [this._fit(0, 0, width, height)] : this._layout(shown.length, width, height);
    if (wiped) this._wipe(context, shown, this.boxes[0]);
    else shown.forEach((bitmap, i) => bitmap && context.drawImage(bitmap, ...this.boxes[i]));
    this.last = { shown, kinds };
    this.caption.textContent = this._words(shown, kinds);
    this.caption.classList.toggle("hidden", this.boxes.length > 1);
    if (this.boxes.length > 1) this.boxes.forEach((box, i) => this._label(context, box, this._words([shown[i]], [kinds[i]]), ratio));
    this.overlay?.(context, this.boxes[wiped ? 0 : this.boxes.length - 1], ratio);
    stage.dataset.drawn = `${this.frame} ${kinds.map((kind, i) => (shown[i] ? kind : "-")).join(" ")}`;
  }

  _wipe(context, [plate, relit], [x, y, width, height]) {
    if (plate) context.drawImage(plate, x, y, width, height);
    if (!relit) return;
    const at = Math.round(width * this.split);
    const share = relit.width / width;
    if (at < width) {
      context.drawImage(relit, at * share, 0, relit.width - at * share, relit.height, x + at, y, width - at, height);
    }
    context.fillStyle = "#f5b544";
    context.fillRect(x + at - 1, y, 2, height);
  }

  _words(shown, kinds) {
    const names = { plate: "plate", result: "relit", reference: "reference", gain: "gain: orange adds light, blue takes it", confidence: "confidence: white is certain, grey a stop off" };
    const missing = shown.findIndex((bitmap) => !bitmap);
    if (this.override) return this.mode === "plate" ? "plate" : this.overrideName;
    if (missing >= 0) {
      const path = kinds[missing] && framePath(this.clip, this.frame, kinds[missing], this);
      return path ? this.pictures.trouble(path) || "it cannot be shown" : "not made yet";
    }
    return [...new Set(kinds.filter((kind, i) => shown[i]))].map((kind) => names[kind]).join(" | ");
  }

  _label(context, [left, top, width, height], told, ratio) {
    context.font = `${12 * ratio}px system-ui, sans-serif`;
    const words = context.measureText(told).width + 26 * ratio > width ? told.split(":")[0] : told;
    const [wide, high, away] = [context.measureText(words).width + 14 * ratio, 19 * ratio, 6 * ratio];
    context.fillStyle = "#000a";
    context.beginPath();
    context.roundRect(left + away, top + height - high - away, wide, high, high / 2);
    context.fill();
    context.fillStyle = "#eee";
    context.textBaseline = "middle";
    context.fillText(words, left + away + 7 * ratio, top + height - away - high / 2 + ratio / 2);
  }

  _fit(x, y, width, height) {
    const aspect = (this.clip.width * this.clip.aspect) / this.clip.height;
    const across = Math.min(width, height * aspect);
    return [Math.round(x + (width - across) / 2), Math.round(y + (height - across / aspect) / 2), Math.round(across), Math.round(across / aspect)];
  }

  _layout(count, width, height) {
    if (count === 1) return [this._fit(0, 0, width, height)];
    const half = (width - GAP_PX) / 2;
    if (count === 2 && height > width) {
      const tall = (height - GAP_PX) / 2;
      return [this._fit(0, 0, width, tall), this._fit(0, tall + GAP_PX, width, tall)];
    }
    const rows = count > 2 ? (height - GAP_PX) / 2 : height;
    return Array.from({ length: count }, (_, i) => this._fit((i % 2) * (half + GAP_PX), i > 1 ? rows + GAP_PX : 0, half, rows));
  }

  // Where on the picture an event is, in shares of its width; null where there is no picture.
  place(event) {
    if (!this.boxes) return null;
    const bounds = this.canvas.getBoundingClientRect();
    const ratio = this.canvas.width / bounds.width;
    const [x, y, width] = this.boxes[this.boxes.length - 1];
    return [((event.clientX - bounds.left) * ratio - x) / width, ((event.clientY - bounds.top) * ratio - y) / width];
  }

  _point(event) {
    if (this.mode !== "wipe" || this.held) return;
    const at = this.place(event);
    if (at) this.wipe(at[0]);
  }

  wipe(share) {
    this.split = Math.min(1, Math.max(0, share));
    if (this.last) this._paint(this.last.shown, this.last.kinds);
  }

  redraw() {
    if (this.last) this._paint(this.last.shown, this.last.kinds);
  }

  _key(event) {
    const sideways = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!sideways || this.held || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.shiftKey && this.mode === "wipe") this.wipe(this.split + sideways * 0.02);
    else this.step(sideways);
  }

  toggle() {
    this.playing = !this.playing;
    this.play.textContent = this.playing ? "❚❚" : "▶";
    this.play.setAttribute("aria-label", this.playing ? "Pause" : "Play");
    if (this.playing) this._run();
    else this.onframe(this.frame);
  }

  // Show frame after frame at the clip's rate, or as quickly as they come.
  async _run() {
    const wait = 1000 / (this.clip.rate || 24);
    while (this.playing) {
      const began = performance.now();
      const { frames } = this.clip;
      this.go(frames[(frames.indexOf(this.frame) + 1) % frames.length]);
      await Promise.all(this.paths().map((path) => this.pictures.load(path)));
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, wait - (performance.now() - began))));
    }
  }

  stop() {
    if (this.playing) this.toggle();
  }
}
