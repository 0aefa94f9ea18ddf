// References that the server makes of a picture's light, of lamps or of words.
import { clipPath, post, put } from "./api.js";
import { button, fileButton, h } from "./dom.js";

// Files that are taken as pictures.
export const PICTURES = ".exr,.png,.tif,.tiff,.jpg,.jpeg,.dpx,.hdr,.tga";

// Buttons for what the clip's server can do; `made` is given a promise of the clip, of which the reference is being made.
export function makerButtons(clip, frame, { made, words, lamps, disabled }) {
  const kinds = clip.makers || [];
  const match = ([file]) => made(put(clipPath(clip, `/matches/${frame}/${encodeURIComponent(file.name)}`), file));
  const { frames } = clip.lamps;
  const lit = frames && !frames.includes(frame) ? frames[0] : frame;
  return [
    ...(kinds.includes("match") ? fileButton("Match picture\u00a0…", match, { accept: PICTURES, id: "match-file", disabled, title: "Take the light of another picture: its colour and contrast" }) : []),
    kinds.includes("lights") && button(lit === frame ? "Place lamps\u00a0…" : `Lamps at ${lit}\u00a0…`, () => lamps(lit), { disabled, title: lit === frame ? "Suns, lamps and softboxes in the scene" : `The shape of the scene is known at frame ${frames.join(", ")}` }),
    kinds.includes("text") && button("By words\u00a0…", words, { disabled }),
  ].filter(Boolean);
}

function panel(title, ...children) {
  return h("form", { class: "panel editor", "aria-label": title }, h("header", {}, h("h2", {}, title)), children);
}

// Asks for words; `made` as above.
export function wordsPanel(clip, frame, made) {
  const before = clip.references[frame]?.look;
  const words = h("textarea", { class: "words", rows: 3, maxlength: 400, required: true, "aria-label": "What the light is to be", placeholder: "low evening sun from the left" });
  words.value = before?.words || "";
  const seed = h("input", { type: "number", min: 0, value: before?.seed ?? 0, "aria-label": "Seed" });
  const form = panel(`Light of frame ${frame}, by words`, words, h("label", { class: "row" }, "Seed ", seed), h("button", { type: "submit", class: "primary wide" }, "Make the reference"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    made(post(clipPath(clip, `/words/${frame}`), { words: words.value, seed: Number(seed.value) }));
  });
  return form;
}
