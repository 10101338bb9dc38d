/** The page's entry: one store, one tree. */
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './app.tsx'
import { chooseBridge } from './bridge.ts'
import { createStore, StoreContext } from './state.ts'

const root = document.querySelector('#root')
if (!root) throw new Error('the page has no #root')

createRoot(root).render(
  <StrictMode>
    <StoreContext value={createStore(chooseBridge(window))}>
      <App />
    </StoreContext>
  </StrictMode>,
)
