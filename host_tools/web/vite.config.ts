// One file that opens from anywhere: the script and the style stand in the page itself, and so does a hash of what it
// was built from, by which a test sees that it is stale. Run by build.py, which knows the hash.

import { defineConfig, type Plugin } from 'vite';
import { readFileSync } from 'node:fs';

const LICENSED = ['smol-toml', 'fflate'];

const notices = (): string =>
  LICENSED.map(name => `${name}\n\n${readFileSync(`node_modules/${name}/LICENSE`, 'utf8')}`).join('\n').replaceAll('--', '- -');

const oneFile = (): Plugin => ({
  name: 'one-file',
  enforce: 'post',
  generateBundle(_options, bundle) {
    const page = bundle['index.html'];
    if (page?.type !== 'asset') throw new Error('no page');
    let html = String(page.source);
    for (const [name, part] of Object.entries(bundle)) {
      if (part === page) continue;
      const code = part.type === 'chunk' ? part.code : String(part.source);
      const tag = part.type === 'chunk'
        ? new RegExp(`<script[^>]*src="[^"]*${name}"[^>]*></script>`)
        : new RegExp(`<link[^>]*href="[^"]*${name}"[^>]*>`);
      if (!tag.test(html)) throw new Error(`the page does not use ${name}`);
      html = html.replace(tag, '');
      html = part.type === 'chunk'
        ? html.replace('</body>', () => `<script type="module">${code.replaceAll('</script', '<\\/script')}</script>\n</body>`)
        : html.replace('</head>', () => `<style>${code}</style>\n</head>`);
      delete bundle[name];
    }
    const sources = process.env['ENDCALL_WEB_SOURCES'];
    if (!sources) throw new Error('Build with: python host_tools/web/build.py');
    page.source = html
      .replace('<head>', () => `<head>\n  <meta name="endcall-sources" content="${sources}">`)
      .replace('</body>', () => `<!--\nThis page contains:\n\n${notices()}-->\n</body>`);
  },
});

export default defineConfig({
  plugins: [oneFile()],
  base: './',
  build: { outDir: '../endcall/web', emptyOutDir: false, modulePreload: false, cssCodeSplit: false, target: 'es2023' },
  clearScreen: false,
  logLevel: 'warn',
});
