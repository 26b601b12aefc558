import js from "@eslint/js";
import globals from "globals";

export default [
  { ignores: ["**/node_modules/**"] },
  js.configs.recommended,
  {
    linterOptions: { reportUnusedDisableDirectives: true },
    languageOptions: { globals: globals.browser },
    rules: {
      eqeqeq: "error",
      "no-var": "error",
      "no-shadow": "error",
      "prefer-const": "error",
      "object-shorthand": "error",
      "max-len": ["error", { code: 120, ignoreStrings: true, ignoreTemplateLiterals: true }],
    },
  },
  { files: ["tests/front/**"], languageOptions: { globals: globals.node }, rules: { "no-shadow": "off" } },
  { files: ["book/_assets/**"], languageOptions: { sourceType: "script" } },
];
