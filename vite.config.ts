// Builds the page of the metrics address (src/page) into dist/page: one page, one script, one style, nothing from elsewhere.
import { defineConfig } from "vite";

export default defineConfig({
  root: "src/page",
  base: "./",
  publicDir: false,
  build: {
    outDir: "../../dist/page",
    emptyOutDir: true,
    // A data: address would be one more thing that the page's policy has to allow.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // Of what is in the script and is not ours.
    license: { fileName: "licences.md" },
    target: "es2022",
  },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
});
