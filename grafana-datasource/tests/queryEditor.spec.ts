import { PROVISIONED, answerOf, expect, test } from './setup';

const TYPES = [
  { name: 'Topology', shows: 'Group by' },
  { name: 'Table', shows: 'Columns' },
  { name: 'Time series', shows: 'Counters' },
  { name: 'Flows', shows: 'Application' },
  { name: 'Difference', shows: 'Changes only' },
  { name: 'Events', shows: 'Changes of' },
];

test.describe('query editor', () => {
  for (const { name, shows } of TYPES) {
    test(`asks for ${name}`, async ({ panelEditPage, readProvisionedDataSource }) => {
      const ds = await readProvisionedDataSource(PROVISIONED);
      await panelEditPage.datasource.set(ds.name);
      await panelEditPage.setVisualization('Table');
      const row = panelEditPage.getQueryEditorRow('A');
      await row.getByRole('radio', { name, exact: true }).check({ force: true });
      await expect(row.getByText(shows, { exact: true })).toBeVisible();
      await expect(panelEditPage.refreshPanel()).toBeOK();
      await expect(panelEditPage.panel.getErrorIcon()).toBeHidden();
    });
  }

  test('completes keys that the network has', async ({ panelEditPage, readProvisionedDataSource, page }) => {
    const ds = await readProvisionedDataSource(PROVISIONED);
    await panelEditPage.datasource.set(ds.name);
    const editor = panelEditPage.getQueryEditorRow('A').locator('.monaco-editor').first();
    await editor.click();
    await page.keyboard.press('ControlOrMeta+A');
    await page.keyboard.type('G.V().Has(');
    await expect(page.locator('.suggest-widget').getByText('Type', { exact: true })).toBeVisible();
  });

  test('marks a mistake where it is, and says it in the panel', async ({
    panelEditPage,
    readProvisionedDataSource,
    page,
  }) => {
    const ds = await readProvisionedDataSource(PROVISIONED);
    await panelEditPage.datasource.set(ds.name);
    const row = panelEditPage.getQueryEditorRow('A');
    await row.locator('.monaco-editor').first().click();
    await page.keyboard.press('ControlOrMeta+A');
    await page.keyboard.type('G.V().Hsa()');
    await expect(row.locator('.squiggly-error')).toBeVisible();
    const answer = await answerOf(page, () => page.keyboard.press('ControlOrMeta+Enter'));
    expect(answer.ok()).toBe(false);
    await expect(panelEditPage.panel.getErrorIcon()).toBeVisible();
  });

  test('writes the query of the builder', async ({ panelEditPage, readProvisionedDataSource, page }) => {
    const ds = await readProvisionedDataSource(PROVISIONED);
    await panelEditPage.datasource.set(ds.name);
    const row = panelEditPage.getQueryEditorRow('A');
    await row.getByRole('radio', { name: 'Builder' }).check({ force: true });
    await row.getByLabel('Start with').click();
    await page.getByRole('option', { name: 'Nodes of type' }).click();
    await row.getByTestId('list Types').click();
    await page.getByRole('option', { name: 'host' }).click();
    await page.keyboard.press('Escape');
    await expect(row.getByTestId('gremlin-preview')).toHaveText("G.V().Has('Type', 'host')");
    await expect(panelEditPage.refreshPanel()).toBeOK();
  });
});
