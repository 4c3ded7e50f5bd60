// Types away, imports to requires, so that jest can run the suite's TypeScript as it is.
const { transformSync } = require('esbuild');

module.exports = {
  process(source, file) {
    // A suite that takes the library from the folder above is given what is shipped.
    source = source.replace(/from '\.\.';/g, "from 'jsforce';");
    const { code } = transformSync(source, { loader: 'ts', format: 'cjs', target: 'node20', sourcemap: 'inline', sourcefile: file });
    return { code };
  },
};
