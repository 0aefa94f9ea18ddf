// Requests to the page's own server. Errors are thrown as Refused, whose text is for people.
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const OWN = { "X-Relumix": "page" };

async function checked(response) {
  if (response.ok) return response;
  let text = `the server answered ${response.status}`;
  try {
    text = (await response.json()).error || text;
  } catch {
    // No JSON: the status has to do.
  }
  throw new Refused(response.status, text);
}

async function ask(method, path, body, signal) {
  const options = { method, headers: { ...OWN }, signal };
  if (body !== undefined) options.body = JSON.stringify(body);
  try {
    return await checked(await fetch(path, options));
  } catch (error) {
    if (error instanceof TypeError) throw new Refused(0, "the server does not answer");
    throw error;
  }
}

export const get = async (path) => (await ask("GET", path)).json();
export const text = async (path) => (await ask("GET", path)).text();
export const post = async (path, body = {}) => (await ask("POST", path, body)).json();
export const remove = async (path) => (await ask("DELETE", path)).json();
export const picture = async (path, body, signal) =>
  (await ask(body === undefined ? "GET" : "POST", path, body, signal)).blob();

// Send a file; onshare is told how much of it has gone, 0 to 1. fetch cannot say that.
export function put(path, file, { onshare = () => {}, signal } = {}) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PUT", path);
    request.setRequestHeader("X-Relumix", "page");
    request.responseType = "json";
    request.upload.addEventListener("progress", (event) => event.total && onshare(event.loaded / event.total));
    request.addEventListener("load", () => {
      if (request.status < 300) resolve(request.response);
      else reject(new Refused(request.status, request.response?.error || `the server answered ${request.status}`));
    });
    request.addEventListener("error", () => reject(new Refused(0, "the file could not be sent: it may be too large")));
    request.addEventListener("abort", () => reject(new DOMException("cancelled", "AbortError")));
    signal?.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}

export const clipPath = (clip, rest = "") => `api/clips/${clip.name}${rest}`;

// The address of what is shown of a frame. Its version is in it, so that browsers keep it as long as it holds.
export function framePath(clip, frame, kind, { size = 960, stops = 0 } = {}) {
  const version =
    kind === "plate" ? "1" : kind === "reference" ? clip.references[frame]?.version : clip.job?.frames[frame];
  if (version === undefined) return null;
  return clipPath(clip, `/frames/${frame}/${kind}.jpg?size=${size}&stops=${stops}&v=${version}`);
}
