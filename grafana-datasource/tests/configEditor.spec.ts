import { PROVISIONED, expect, test } from './setup';
import type { SkeinOptions, SkeinSecrets } from '../src/types';

test.describe('config editor', () => {
  test('shows what can be set', async ({ createDataSourceConfigPage, readProvisionedDataSource, page }) => {
    const { type } = await readProvisionedDataSource<SkeinOptions, SkeinSecrets>(PROVISIONED);
    await createDataSourceConfigPage({ type });
    for (const label of ['URL', 'Timeout', 'Token', 'Rows', 'Nodes']) {
      await expect(page.getByLabel(label, { exact: false }).first()).toBeVisible();
    }
    await page.getByText('Own certificate authority').scrollIntoViewIfNeeded();
    await expect(page.getByLabel('CA certificate')).toBeHidden();
  });

  test('is content with a topologyd that answers', async ({
    createDataSourceConfigPage,
    readProvisionedDataSource,
    page,
  }) => {
    const { type, url } = await readProvisionedDataSource<SkeinOptions, SkeinSecrets>(PROVISIONED);
    const config = await createDataSourceConfigPage({ type });
    await page
      .getByLabel('URL', { exact: false })
      .first()
      .fill(url ?? '');
    await expect(config.saveAndTest()).toBeOK();
  });

  test('tells what is wrong with one that does not', async ({
    createDataSourceConfigPage,
    readProvisionedDataSource,
    page,
  }) => {
    const { type } = await readProvisionedDataSource<SkeinOptions, SkeinSecrets>(PROVISIONED);
    const config = await createDataSourceConfigPage({ type });
    await page.getByLabel('URL', { exact: false }).first().fill('http://127.0.0.1:1');
    await expect(config.saveAndTest()).not.toBeOK();
    await expect(config).toHaveAlert('error', { hasText: 'start topologyd' });
  });
});
