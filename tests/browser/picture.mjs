// Takes the READMEs' pictures of the demo page: SSO_URL=… CHROMIUM=… node tests/browser/picture.mjs
import { launch, url } from './support.mjs';

const browser = await launch();
for (const [locale, name] of [['zh-CN', 'demo.zh-CN.png'], ['en-US', 'demo.png']]) {
  const page = await browser.newPage({ viewport: { width: 1120, height: 940 }, locale, reducedMotion: 'reduce' });
  await page.goto(`${url}/#manager01`);
  await page.getByTestId('verified').waitFor();
  await page.screenshot({ path: new URL(`../../docs/${name}`, import.meta.url).pathname });
}
await browser.close();
