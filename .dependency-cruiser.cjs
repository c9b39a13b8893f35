// The layer rule: control imports dataplane, never the reverse; only the port files and the loader touch the addon.
module.exports = {
  forbidden: [
    {
      name: "dataplane-below-control",
      comment:
        "the data plane knows nothing of configuration, sockets of the control plane, or the command line",
      severity: "error",
      from: { path: "^src/dataplane" },
      to: { path: "^src/control" },
    },
    {
      name: "dataplane-without-packages",
      comment:
        "the data plane runs on Node itself and the addon alone; only addresses are parsed by a library",
      severity: "error",
      from: { path: "^src/dataplane", pathNot: "^src/dataplane/address\\.ts$" },
      to: { dependencyTypes: ["npm", "npm-dev", "npm-optional", "npm-peer"] },
    },
    {
      name: "addon-behind-io",
      comment: "only src/dataplane/io (ports, poller, arena) calls into the addon",
      severity: "error",
      from: { path: "^src", pathNot: "^src/dataplane/io/" },
      to: { path: "^src/dataplane/io/native\\.ts$" },
    },
    {
      name: "page-stands-alone",
      comment: "what runs in a browser takes only types from what runs in the daemon",
      severity: "error",
      from: { path: "^src/page" },
      to: { path: "^src/(control|dataplane)", dependencyTypesNot: ["type-only"] },
    },
    {
      name: "page-is-built",
      comment: "the daemon hands out the page as files; it does not import it",
      severity: "error",
      from: { path: "^src/(control|dataplane)" },
      to: { path: "^src/page" },
    },
    { name: "no-circular", severity: "error", from: {}, to: { circular: true } },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { extensions: [".ts", ".tsx", ".js"] },
  },
};
