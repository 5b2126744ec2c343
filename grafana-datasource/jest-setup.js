import './.config/jest-setup';

// What jsdom lacks and @grafana/ui measures with: text and boxes have one size.
HTMLCanvasElement.prototype.getContext = () => ({ measureText: (text) => ({ width: text.length * 8 }) });
Object.defineProperty(HTMLElement.prototype, 'getBoundingClientRect', {
  value: () => ({ width: 120, height: 120, top: 0, left: 0, bottom: 0, right: 0, x: 0, y: 0, toJSON: () => ({}) }),
});
for (const size of ['offsetHeight', 'offsetWidth', 'clientHeight', 'clientWidth']) {
  Object.defineProperty(HTMLElement.prototype, size, { configurable: true, value: 400 });
}
Element.prototype.scrollIntoView = () => {};
global.ResizeObserver = class {
  observe() {}
  unobserve() {}
  disconnect() {}
};
global.IntersectionObserver = global.ResizeObserver;
// i18next, which @grafana/ui brings along, advertises.
jest.spyOn(console, 'info').mockImplementation(() => {});
