/** The sample's page: shows what the main process sends. */
const { sample: bridge } = /** @type {{ sample: { onMessage: (listener: (text: string) => void) => void } }} */ (
  /** @type {unknown} */ (globalThis)
)

bridge.onMessage((text) => {
  const item = document.createElement('li')
  item.textContent = text
  document.querySelector('#received')?.append(item)
})
