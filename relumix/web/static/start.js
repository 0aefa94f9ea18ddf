// The first screen: the clips that lie there, uploads, and clips under a root.
import { get, post, put, remove } from "./api.js";
import { button, fileButton, h, toast } from "./dom.js";

const KINDS = ".exr,.dpx,.cin,.tif,.tiff,.png,.jpg,.jpeg,.hdr,.tga,.mov,.mp4,.m4v,.mkv,.mxf,.avi,.webm";
const SPACES = ["sRGB", "ACEScg", "ACES2065-1", "ACEScct", "lin_rec709", "ARRI LogC3 (EI800)", "S-Log3 S-Gamut3", "Log3G10 REDWideGamutRGB"];
const AT_ONCE = 3;

export class Start {
  constructor(state, { onopen, notice = "" }) {
    this.state = state;
    this.onopen = onopen;
    this.element = h(
      "div",
      { class: "start" },
      notice ? h("p", { class: "notice", role: "alert" }, notice) : null,
      h("section", { class: "hero" }, h("h1", {}, "Relight one frame. The shot follows."), h("p", { class: "dim" }, "Try a clip that lies here, or your own: a movie, or a sequence of EXR, DPX, TIFF, PNG or JPEG files.")),
      h("section", { class: "cards", "aria-label": "Examples" }, state.examples.map((example) => this.card(example))),
      this.upload(),
      state.roots ? this.browse() : null,
    );
  }

  card(example) {
    const picture = (kind) => h("img", { src: `api/examples/${example.name}/${kind}.jpg`, alt: "", width: 480, height: 270 });
    const card = button("", () => this.open(() => post(`api/examples/${example.name}`), card), { class: "card", "data-example": example.name });
    card.append(
      h("span", { class: "two" }, picture("plate"), picture("reference")),
      h("b", {}, example.title),
      h("span", { class: "dim" }, example.about),
    );
    return card;
  }

  async open(ask, waiting) {
    if (this.opening) return;
    this.opening = true;
    waiting?.setAttribute("aria-busy", "true");
    try {
      this.onopen(await ask());
    } catch (error) {
      toast(error.message);
    } finally {
      this.opening = false;
      waiting?.removeAttribute("aria-busy");
    }
  }

  upload() {
    this.space = h("input", { list: "spaces", placeholder: "as the files say", id: "space" });
    this.progress = h("progress", { max: 1, value: 0, "aria-label": "Upload" });
    this.sending = h("div", { class: "row", hidden: true }, this.progress, button("Cancel", () => this.aborting?.abort()));
    this.trouble = h("p", { class: "bad", role: "alert", hidden: true });
    const zone = h(
      "section",
      { class: "drop", "aria-label": "Your own clip" },
      fileButton("Choose files …", (files) => this.send(files), { multiple: true, accept: KINDS, id: "files", kind: "primary" }),
      h("span", { class: "dim" }, " or drop them here. They stay on this server until you leave."),
      h("p", {}, h("label", { for: "space", class: "dim" }, "Colour space "), this.space, h("datalist", { id: "spaces" }, SPACES.map((name) => h("option", { value: name })))),
      this.sending,
      this.trouble,
    );
    zone.addEventListener("dragover", (event) => {
      event.preventDefault();
      zone.classList.add("over");
    });
    zone.addEventListener("dragleave", () => zone.classList.remove("over"));
    zone.addEventListener("drop", (event) => {
      event.preventDefault();
      zone.classList.remove("over");
      this.send([...event.dataTransfer.files]);
    });
    return zone;
  }

  async send(files) {
    if (!files.length) return;
    this.trouble.hidden = true;
    this.sending.hidden = false;
    this.aborting = new AbortController();
    try {
      this.onopen(await this.sent(files, this.aborting.signal));
    } catch (error) {
      if (error.name !== "AbortError") {
        this.trouble.textContent = error.message;
        this.trouble.hidden = false;
      }
    } finally {
      this.sending.hidden = true;
    }
  }

  async sent(files, signal) {
    const { limits } = this.state;
    const total = files.reduce((sum, file) => sum + file.size, 0);
    if (total > limits.upload_bytes) throw new Error(`these are ${Math.ceil(total / 1e6)} MB: this page takes up to ${Math.floor(limits.upload_bytes / 1e6)} MB`);
    const upload = crypto.getRandomValues(new Uint32Array(3)).reduce((name, part) => name + part.toString(36), "");
    const shares = files.map(() => 0);
    const waiting = files.map((file, i) => [file, i]).reverse();
    const send = (file, i) => {
      const onshare = (share) => {
        shares[i] = share * file.size;
        this.progress.value = shares.reduce((sum, each) => sum + each, 0) / total;
      };
      return put(`api/uploads/${upload}/${encodeURIComponent(file.name)}`, file, { onshare, signal });
    };
    const work = async () => {
      for (let next = waiting.pop(); next; next = waiting.pop()) await send(...next);
    };
    try {
      await send(...waiting.pop()); // alone: with it, a visitor's session begins
      await Promise.all(Array.from({ length: AT_ONCE }, work));
    } catch (error) {
      this.aborting.abort();
      remove(`api/uploads/${upload}`).catch(() => {});
      throw error;
    }
    const title = files.length === 1 ? files[0].name : files[0].name.replace(/\d+(?=\.\w+$)/, (digits) => "#".repeat(digits.length));
    return post(`api/uploads/${upload}`, { title, colorspace: this.space.value.trim() });
  }

  browse() {
    const list = h("ul", { class: "files" });
    const path = h("input", { type: "text", "aria-label": "Folder, file or pattern", placeholder: "/shots/sh010/plate.####.exr" });
    const open = () => this.open(() => post("api/open", { path: path.value.trim(), colorspace: this.space.value.trim() }), list);
    const show = async (folder) => {
      try {
        const found = await get(`api/browse?folder=${encodeURIComponent(folder)}`);
        path.value = found.folder;
        const below = (name) => (found.folder ? `${found.folder.replace(/\/$/, "")}/${name}` : name);
        list.replaceChildren(
          ...(found.above === null ? [] : [h("li", {}, button("..", () => show(found.above), { class: "plain", "aria-label": "One folder up" }))]),
          ...found.folders.map((name) => h("li", {}, button(`${name}/`, () => show(below(name)), { class: "plain" }))),
          ...found.clips.map((name) =>
            h("li", {}, button(name, () => ((path.value = below(name)), open()), { class: "plain clip" })),
          ),
        );
      } catch (error) {
        toast(error.message);
      }
    };
    const form = h("form", { class: "row", onsubmit: (event) => (event.preventDefault(), open()) }, path, h("button", { type: "submit" }, "Open"));
    show("");
    return h("section", { class: "browse", "aria-label": "Clips on this server" }, h("h2", {}, "Clips on this server"), form, list);
  }
}
