import { fileURLToPath } from "node:url";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const server = process.env.REJOINDER_SERVER ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [react(), tailwindcss()],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  server: { proxy: { "/api": { target: server, ws: true }, "/ready": server } },
  worker: { format: "es" },
  build: {
    target: "es2023",
    // The policy `img-src 'self' data:` would allow inlining; separate files cache better.
    assetsInlineLimit: 0,
  },
  test: {
    environment: "happy-dom",
    environmentOptions: {
      happyDOM: { url: "http://localhost:3000/", settings: { disableIframePageLoading: true } },
    },
    setupFiles: ["./src/testSetup.ts"],
    restoreMocks: true,
  },
});
