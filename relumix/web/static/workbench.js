// One clip: its pictures, its references, the job, and what to take home.
import { clipPath, get, put, post, remove, text } from "./api.js";
import { Curves, lowest } from "./curves.js";
import { button, clock, fileButton, h, slider, toast } from "./dom.js";
import { GradeEditor } from "./grade.js";
import { LampsEditor } from "./lamps.js";
import { MakingBox, running } from "./making.js";
import { PICTURES, makerButtons, wordsPanel } from "./makers.js";
import { Strip } from "./strip.js";
import { Viewer } from "./viewer.js";

const STAGES = { references: "reading references", send: "sending the plate", light: "carrying the light" };
const AGAIN_MS = 2000;

export class Workbench {
  constructor(state, clip, { onclose, onchange, ongone, onlost }) {
    Object.assign(this, { state, clip, onclose, onchange, ongone, onlost });
    this.rigs = {}; // lamps by frame, as they were left
    this.options = { engine: state.engines[0], mix: 1 };
    const onframe = (frame) => this.viewer.go(frame);
    this.viewer = new Viewer({ onframe: (frame) => this.framed(frame) });
    this.strip = new Strip({ onframe });
    this.curves = new Curves({ onframe });
    this.side = h("aside", { class: "side", "aria-label": "What to do" });
    this.element = h("div", { class: "workbench" }, h("div", { class: "left" }, this.viewer.element, this.strip.element, this.curves.element), this.side);
    this.made = new MakingBox(() => this.change(() => remove(clipPath(this.clip, "/making"))));
    this.references = h("section", { class: "panel", "aria-label": "References" });
    this.job = h("section", { class: "panel", "aria-label": "Relight" });
    this.home = h("section", { class: "panel", "aria-label": "Take home", hidden: true });
    this.about = h("section", { class: "panel about", "aria-label": "Clip" });
  }

  open(frame) {
    const first = Number(Object.keys(this.clip.references)[0]);
    this.drawSide();
    this.strip.open(this.clip);
    this.viewer.open(this.clip, this.clip.frames.includes(frame) ? frame : first || this.clip.frames[0]);
    this.update(this.clip);
    this.listen();
  }

  listen() {
    this.events?.close();
    this.events = new EventSource(clipPath(this.clip, "/events"));
    this.events.addEventListener("message", (event) => this.told(JSON.parse(event.data)));
    this.events.addEventListener("open", () => this.onlost(false));
    this.events.addEventListener("error", () => this.lost(this.events));
  }

  // The server does not answer, or no longer knows the clip. Browsers ask again by themselves where nobody answered.
  async lost(events) {
    if (events !== this.events) return;
    this.onlost(true);
    if (events.readyState !== EventSource.CLOSED) return;
    try {
      this.update(await get(clipPath(this.clip)));
      this.listen();
    } catch (error) {
      if ([401, 404].includes(error.status)) this.ongone(this.clip);
      else setTimeout(() => this.lost(events), AGAIN_MS);
    }
  }

  told(news) {
    const before = this.clip.job?.state;
    const { making } = this.clip;
    const { job } = news;
    this.update({ ...this.clip, ...news });
    if (running(making) && !running(news.making)) this.ended(news.making);
    if (job?.state === "done" && before === "running" && !this.editor) {
      this.viewer.show("wipe");
      if (!this.viewer.playing) this.viewer.toggle();
    }
  }

  // What was being made beside the shot has ended.
  ended(making) {
    if (making?.state !== "done") return;
    if (making.frame === null) return this.fetch(making.what);
    if (this.panel === making.what) this.back();
    this.viewer.go(making.frame);
    this.viewer.show("beside");
    return undefined;
  }

  fetch(movie) {
    h("a", { href: clipPath(this.clip, `/movies/${movie}`), download: "" }).click();
  }

  leave() {
    this.events?.close();
    this.events = null;
    this.editor?.close();
    this.viewer.stop();
  }

  framed(frame) {
    this.strip.show(frame);
    this.curves.show(frame);
    if (this.editor && this.editor.frame !== frame) this.editor.close();
    if (this.viewer.playing) return; // Browsers bear no change of the address at every frame.
    this.drawReferences();
    history.replaceState(null, "", `#clip=${this.clip.name}&frame=${frame}`);
  }

  update(clip) {
    this.clip = clip;
    this.viewer.update(clip);
    this.strip.update(clip);
    this.curves.update(clip);
    this.drawMaking();
    this.drawReferences();
    this.drawJob();
    this.drawHome();
    this.onchange(clip);
  }

  drawSide() {
    const { clip } = this;
    const rate = clip.rate ? `, ${Number(clip.rate.toFixed(3))} frames a second` : "";
    const gaps = clip.missing.length ? `, ${clip.missing.length} missing` : "";
    this.about.replaceChildren(
      h("header", {}, h("h2", {}, clip.title), button("Close", () => this.close(), { class: "plain", title: "Close the clip and remove its files" })),
      h("p", { class: "dim" }, `${clip.frames.length} frames ${clip.frames[0]}–${clip.frames[clip.frames.length - 1]}${gaps}, ${clip.width}×${clip.height}${rate}`),
      ...clip.notes.map((note) => h("p", { class: "dim" }, note)),
    );
    this.panel = null;
    this.side.replaceChildren(this.about, this.references, this.made.element, this.job, this.home);
  }

  // What is being made stands beside what it was asked for by.
  drawMaking() {
    const { making } = this.clip;
    const box = this.made.element;
    const before = this.panel ? this.side.firstChild : making?.frame === null ? this.home : this.job;
    if (box !== before && box.nextSibling !== before) this.side.insertBefore(box, before);
    this.made.update(making);
  }

  drawReferences() {
    const { clip } = this;
    const { frame } = this.viewer;
    const busy = this.busy;
    const made = { graded: "graded here", uploaded: "uploaded", matched: "light of", lit: "lamps", worded: "by words", example: "comes with the clip" };
    const change = { graded: (number) => this.edit(number), lit: (number) => this.light(number), worded: (number) => this.reword(number) };
    const rows = Object.entries(clip.references).map(([number, each]) =>
      h(
        "li",
        { class: Number(number) === frame ? "here" : "" },
        button(number, () => this.viewer.go(Number(number)), { class: "plain number", title: "Go there", "aria-label": `Go to frame ${number}` }),
        h("span", { class: "dim" }, each.made === "uploaded" ? each.name : each.made === "matched" ? `light of ${each.name}` : made[each.made]),
        h("span", { class: "spacer" }),
        change[each.made] && button("Change", () => change[each.made](Number(number)), { class: "plain", "aria-label": `Change the reference of frame ${number}`, disabled: busy }),
        button("×", () => this.drop(Number(number)), { class: "plain", "aria-label": `Remove the reference of frame ${number}`, disabled: busy }),
      ),
    );
    const here = frame in clip.references;
    const held = this.references.contains(document.activeElement) ? document.activeElement.textContent : null;
    this.references.replaceChildren(
      h("h2", {}, "References"),
      rows.length ? h("ul", { class: "list" }, rows) : h("p", { class: "dim" }, "Choose a frame, and relight it:"),
      h(
        "div",
        { class: "ways" },
        button(here ? `Grade ${frame} anew` : `Grade frame ${frame}`, () => this.edit(frame), { disabled: busy, id: "grade", class: rows.length ? "" : "primary" }),
        fileButton("Upload picture\u00a0…", ([file]) => this.send(file), { accept: PICTURES, id: "reference-file", disabled: busy, title: "This frame as you want it to look" }),
        makerButtons(clip, frame, { made: (asked) => this.making(asked), words: () => this.reword(frame), lamps: (lit) => this.light(lit), disabled: busy }),
      ),
    );
    if (held) [...this.references.querySelectorAll("button")].find((each) => each.textContent === held)?.focus();
  }

  get busy() {
    return running(this.clip.job) || running(this.clip.making);
  }

  edit(frame) {
    this.editor?.close();
    this.viewer.go(frame);
    this.beside(
      new GradeEditor(this.viewer, this.clip, frame, {
        onmade: (clip) => {
          this.update(clip);
          this.viewer.show("wipe");
          document.getElementById("relight")?.focus();
        },
        onclose: () => this.edited(),
      }),
      "grade",
    );
  }

  light(frame) {
    this.editor?.close();
    this.viewer.go(frame);
    const onclose = (rig) => {
      this.rigs[frame] = rig;
      this.edited();
    };
    const onsubmit = (asked) => this.making(post(clipPath(this.clip, `/lights/${frame}`), asked));
    this.beside(new LampsEditor(this.viewer, this.clip, frame, this.rigs[frame], { onsubmit, onclose }), "lights");
  }

  reword(frame) {
    this.viewer.go(frame);
    this.aside(wordsPanel(this.clip, frame, (asked) => this.making(asked)));
  }

  // Show an editor in place of the other panels.
  beside(editor, panel) {
    this.editor = editor;
    this.panel = panel;
    this.side.replaceChildren(this.made.element, editor.element);
    editor.element.querySelector("input, button")?.focus();
    if (this.side.getBoundingClientRect().top > innerHeight * 0.8) this.side.scrollIntoView({ block: "start" });
  }

  edited() {
    this.editor = null;
    this.back();
    if (document.activeElement === document.body) document.getElementById("grade")?.focus({ preventScroll: true });
  }

  async send(file) {
    const { frame } = this.viewer;
    toast(`Sending ${file.name} …`);
    try {
      this.update(await put(clipPath(this.clip, `/references/${frame}/${encodeURIComponent(file.name)}`), file));
      this.viewer.show("beside");
      document.getElementById("toast").hidden = true;
    } catch (error) {
      toast(error.message);
    }
  }

  // Show a panel in place of the others, with a way back.
  aside(panel) {
    const back = button("Close", () => this.back(), { class: "plain" });
    panel.querySelector("header").append(back);
    this.panel = "text";
    this.side.replaceChildren(this.made.element, panel);
    panel.querySelector("textarea, input")?.focus();
  }

  back() {
    if (this.editor) return this.editor.close();
    this.drawSide();
    this.update(this.clip);
    return undefined;
  }

  // Take what is being made from now on. What it comes to is told (see `told`).
  making(asked) {
    return this.change(() => asked);
  }

  async change(ask) {
    try {
      this.update(await ask());
    } catch (error) {
      toast(error.message);
    }
  }

  drop(frame) {
    return this.change(() => remove(clipPath(this.clip, `/references/${frame}`)));
  }

  drawJob() {
    const { job } = this.clip;
    const key = JSON.stringify([job && { ...job, version: 0 }, Object.keys(this.clip.references), this.clip.measures.confidence, this.busy]);
    if (key === this.jobKey) return;
    this.jobKey = key;
    const held = this.job.contains(document.activeElement);
    const focused = held ? document.activeElement.id : null;
    this.job.replaceChildren(h("h2", {}, "Relight"), ...(running(job) ? this.progress(job) : this.ready(job)));
    // What was pressed has gone: the next Space is to play, not to press what took its place.
    if (held) (document.getElementById(focused) || this.viewer.stage).focus({ preventScroll: true });
  }

  ready(job) {
    const some = Object.keys(this.clip.references).length > 0;
    const words = { done: "Relight again", cancelled: "Go on", failed: "Try again" }[job?.state] || "Relight the shot";
    const engine = h("select", { id: "engine", onchange: () => (this.options.engine = engine.value) }, this.state.engines.map((name) => h("option", { value: name }, name)));
    engine.value = this.options.engine;
    return [
      this.state.engines.length > 1 ? h("label", { class: "row" }, "Engine ", engine) : null,
      slider({ name: "Mix", min: 0, max: 1, step: 0.05, value: this.options.mix, reset: 1, onchange: (value) => (this.options.mix = value) }),
      button(words, () => this.relight(), { class: "primary wide", id: "relight", disabled: !some || this.busy }),
      some ? null : h("p", { class: "hint" }, "It needs a reference: a frame as you want it to look."),
      ...this.outcome(job),
    ].filter(Boolean);
  }

  outcome(job) {
    if (!job) return [];
    const failed = Object.entries(job.failed);
    const said = [];
    if (job.state === "failed") said.push(h("p", { class: "bad", role: "alert" }, job.error));
    if (job.state === "cancelled") said.push(h("p", { class: "dim" }, `Cancelled: ${Object.keys(job.frames).length} of ${this.clip.frames.length} frames are made and kept.`));
    if (job.state === "done") said.push(h("p", { class: "dim", role: "status", id: "done" }, `${Object.keys(job.frames).length} frames in ${clock(job.seconds)}.`));
    for (const [frame, message] of failed.slice(0, 5)) said.push(h("p", { class: "bad" }, `Frame ${frame}: ${message.replace(/^frame -?\d+: /, "")}`));
    for (const warning of job.warnings) said.push(h("p", { class: "warn" }, warning));
    if (job.state === "done") said.push(...this.advice(job));
    return said;
  }

  // Where another reference would help most.
  advice(job) {
    const least = lowest(this.clip);
    const frame = job.suggestion ?? null;
    const at = frame ?? least?.[0];
    if (at === undefined || at in this.clip.references) return [];
    const why = frame === null ? `Frame ${at} is the least sure (${least[1].toFixed(2)}).` : `Frame ${at} would help most as another reference.`;
    return [h("p", { class: "advice" }, why), h("div", { class: "row" }, button(`Go to ${at}`, () => this.viewer.go(at)), button("Add a reference here", () => this.edit(at), { id: "add-here" }))];
  }

  progress(job) {
    const made = Object.keys(job.frames).length;
    const left = job.remaining_seconds === null ? "" : `, about ${clock(job.remaining_seconds)} to go`;
    const doing = job.state === "waiting" ? "waiting for its turn" : STAGES[job.stage] || "looking at the clip";
    const order = ["references", "send", "light"];
    const now = order.indexOf(job.stage);
    return [
      h("ol", { class: "stages" }, order.map((stage, i) => h("li", { class: i < now ? "past" : i === now ? "now" : "" }, STAGES[stage]))),
      h("progress", { max: 1, value: job.share, "aria-label": "Light carried" }),
      h("progress", { max: job.total || 1, value: made, "aria-label": "Frames made", class: "frames" }),
      h("p", { class: "dim", role: "status" }, `${doing}: ${made} of ${job.total || this.clip.frames.length} frames${left}`),
      button("Cancel", () => this.cancel(), { class: "wide", id: "cancel" }),
    ];
  }

  // Ask for a job, once however often its button is pressed until there is an answer.
  async begin(path, options) {
    if (this.beginning) return;
    this.beginning = true;
    await this.change(() => post(clipPath(this.clip, path), options));
    this.beginning = false;
  }

  async relight() {
    await this.begin("/job", this.options);
    if (running(this.clip.job)) this.viewer.show("wipe");
  }

  leastSure() {
    const least = lowest(this.clip);
    if (least) this.viewer.go(least[0]);
  }

  nextReference() {
    const numbers = Object.keys(this.clip.references).map(Number);
    this.viewer.go(numbers.find((frame) => frame > this.viewer.frame) ?? numbers[0]);
  }

  cancel() {
    return this.change(() => remove(clipPath(this.clip, "/job")));
  }

  async drawHome() {
    const { job } = this.clip;
    const made = job ? Object.keys(job.frames).length : 0;
    this.home.hidden = !made || running(job);
    const key = `${job?.state} ${made} ${job?.seconds} ${this.clip.movies} ${this.busy}`;
    if (this.home.hidden || key === this.homeKey) return;
    this.homeKey = key;
    const link = (name, path, title) => h("a", { class: "button", href: clipPath(this.clip, path), download: "", title }, name);
    const code = h("pre", { tabindex: 0, "aria-label": "Command" });
    const movie = (name, kind, title) => (this.clip.movies.includes(kind) ? link(name, `/movies/${kind}`, title) : button(name, () => this.begin(`/movies/${kind}`), { title, disabled: this.busy }));
    const copy = button("Copy", async () => {
      await navigator.clipboard?.writeText(code.textContent.trim());
      copy.textContent = "Copied";
    });
    this.home.replaceChildren(
      h("h2", {}, "Take home"),
      h("div", { class: "ways" }, [link("EXR, ZIP", "/result.zip"), job.state === "done" ? [movie("Movie", "movie", "Relit once more, straight into a movie: it takes as long"), movie("Before | after", "before-after", "Plate and result side by side, to look at")] : null, link("Gain", "/gain.zip"), link("Confidence", "/confidence.zip")].flat()),
      h("p", { class: "row last" }, h("span", { class: "dim" }, "The command for the same"), h("span", { class: "spacer" }), copy),
      code,
    );
    code.textContent = await text(clipPath(this.clip, "/command.txt")).catch((error) => error.message);
  }

  async close() {
    this.leave();
    await remove(clipPath(this.clip)).catch((error) => toast(error.message));
    this.onclose(this.clip);
  }
}
