// Relight a folder of EXR files on a server, from the contract alone: no generated code.
//
//   npm install
//   node relight.js HOST:PORT PLATE_FOLDER FRAME=RELIT.exr OUTPUT_FOLDER [--token-file FILE] [--tls-ca FILE]
//
// Frames that are in the output folder already are left as they are. Exit codes: 0 done, 2 refused, 3 some frames failed.

import { once } from "node:events";
import { mkdir, readFile, readdir, rename, writeFile } from "node:fs/promises";
import path from "node:path";
import { parseArgs } from "node:util";

import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

import { crc32c } from "./crc32c.js";

const PROTO = new URL("../../proto/relumix/v1/relight.proto", import.meta.url).pathname;
const PIECE_BYTES = 1 << 20;

const contract = grpc.loadPackageDefinition(
  loader.loadSync(PROTO, { keepCase: true, longs: Number, enums: String, defaults: true, oneofs: true }),
);

async function main() {
  const { values: options, positionals } = parseArgs({
    allowPositionals: true,
    options: { "token-file": { type: "string" }, "tls-ca": { type: "string" } },
  });
  const [server, plateFolder, reference, outputFolder] = positionals;
  const [, referenceFrame, referenceFile] = /^(-?\d+)=(.+)$/.exec(reference ?? "") ?? [];
  if (!outputFolder || !referenceFile) {
    throw new Error("expected HOST:PORT PLATE_FOLDER FRAME=RELIT.exr OUTPUT_FOLDER");
  }

  const plates = await sequence(plateFolder);
  await mkdir(outputFolder, { recursive: true });
  const there = new Set(await readdir(outputFolder));
  const deliver = [...plates.keys()].filter((frame) => !there.has(path.basename(plates.get(frame))));
  if (deliver.length === 0) {
    console.log("every frame is there");
    return 0;
  }

  const tls = options["tls-ca"];
  const credentials = tls ? grpc.credentials.createSsl(await readFile(tls)) : grpc.credentials.createInsecure();
  const metadata = new grpc.Metadata();
  if (options["token-file"]) {
    metadata.set("authorization", `Bearer ${(await readFile(options["token-file"], "ascii")).trim()}`);
  }
  const client = new contract.relumix.v1.RelightService(server, credentials);
  try {
    const call = client.Relight(metadata);
    const open = { frames: [...plates.keys()], deliver, references: [Number(referenceFrame)] };
    call.write({ open });
    const start = (sources) => send(call, sources, plates, Number(referenceFrame), referenceFile);
    return await receive(call, outputFolder, plates, start);
  } finally {
    client.close();
  }
}

/** The files of the one sequence in a folder, by frame number, ascending. */
async function sequence(folder) {
  const files = (await readdir(folder)).filter((name) => /\d\.exr$/i.test(name));
  const numbered = files.map((name) => [Number(/(\d+)\.exr$/i.exec(name)[1]), path.join(folder, name)]);
  if (numbered.length === 0) throw new Error(`${folder} holds no numbered EXR files`);
  return new Map(numbered.sort(([a], [b]) => a - b));
}

/** Take what the server sends until its summary; `start(sources)` sends, once the job is accepted. */
async function receive(call, folder, plates, start) {
  const pieces = new Map();
  let sending = Promise.resolve();
  let code = 0;
  for await (const response of call) {
    if (response.message === "accepted") {
      sending = start(response.accepted.sources).catch((error) => call.destroy(error));
    } else if (response.message === "chunk") {
      const { frame, data } = response.chunk;
      if (crc32c(data) !== response.chunk.crc32c) throw new Error(`frame ${frame} was damaged on its way`);
      pieces.set(frame, [...(pieces.get(frame) ?? []), data]);
    } else if (response.message === "done") {
      const { frame } = response.done;
      const name = path.basename(plates.get(frame));
      const hidden = path.join(folder, `.${name}.${process.pid}`);
      await writeFile(hidden, Buffer.concat(pieces.get(frame)));
      await rename(hidden, path.join(folder, name));
      pieces.delete(frame);
      console.log(`frame ${frame}: ${path.join(folder, name)}`);
    } else if (response.message === "error") {
      console.error(response.error.message);
      code = 3;
    } else if (response.message === "summary") {
      console.log(`${response.summary.written} frames relit in ${response.summary.seconds.toFixed(1)} s`);
    }
  }
  await sending;
  return code;
}

/** Send the relit frame, then the sources in the order in which the server asks for them. */
async function send(call, sources, plates, referenceFrame, referenceFile) {
  await sendFile(call, referenceFrame, "ROLE_REFERENCE", referenceFile);
  for (const frame of sources) await sendFile(call, frame, "ROLE_SOURCE", plates.get(frame));
  call.write({ close: {} });
  call.end();
}

async function sendFile(call, frame, role, name) {
  const file = await readFile(name).catch((error) => error);
  if (file instanceof Error) {
    call.write({ absent: { frame, role, message: file.message } });
    return;
  }
  for (let offset = 0; offset === 0 || offset < file.length; offset += PIECE_BYTES) {
    const data = file.subarray(offset, offset + PIECE_BYTES);
    const chunk = { frame, role, name, offset, total_bytes: file.length, data, crc32c: crc32c(data) };
    // False means that the server takes no more for now: whoever writes on regardless holds the shot in memory.
    if (!call.write({ chunk })) await once(call, "drain");
  }
}

main().then(
  (code) => { process.exitCode = code; },
  (error) => {
    console.error(`relight: ${error.details || error.message}`);
    process.exitCode = 2;
  },
);
