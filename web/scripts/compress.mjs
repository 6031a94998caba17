// Writes a brotli copy beside every text asset; the server sends it as it is.
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { extname, join } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";

const TEXT = new Set([".js", ".css", ".html", ".svg", ".json", ".txt"]);
const root = process.argv[2] ?? "dist";
let files = 0;
let before = 0;
let after = 0;

for (const entry of readdirSync(root, { recursive: true })) {
  const path = join(root, String(entry));
  if (!statSync(path).isFile() || !TEXT.has(extname(path))) continue;
  const source = readFileSync(path);
  const packed = brotliCompressSync(source, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
      [constants.BROTLI_PARAM_SIZE_HINT]: source.length,
    },
  });
  writeFileSync(`${path}.br`, packed);
  files += 1;
  before += source.length;
  after += packed.length;
}

console.log(`${files} files, ${Math.round(before / 1024)} KB → ${Math.round(after / 1024)} KB brotli`);
