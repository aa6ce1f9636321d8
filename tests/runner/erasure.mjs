/** How esbuild is to erase the types of the file at `path` for a version of node. */
export function erasure(path, version) {
  return {
    loader: "ts",
    format: "esm",
    target: `node${version}`,
    sourcefile: path,
    sourcemap: "inline",
    sourcesContent: false,
    tsconfigRaw: { compilerOptions: { target: "ES2022", verbatimModuleSyntax: true } },
  };
}
