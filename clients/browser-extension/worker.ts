/**
 * The service worker: the only part of the extension that reaches Valetkey. The rule: it hears this extension's own pages
 * and nobody else, and what it tells them holds no token.
 */
import { type Port, runtime, storage } from './chrome.ts'
import { createDesk } from './desk.ts'
import { askOf } from './messages.ts'
import { isOwnPage, refusal } from './sender.ts'
import { seal } from './settings.ts'

const ports = new Set<Port>()
const desk = createDesk(() => {
  for (const port of ports) port.postMessage(desk.view)
})

// Listeners are there before anything is awaited: a worker is started by what they wait for.
runtime.onConnect.addListener((port) => {
  if (!isOwnPage(port.sender, runtime.id, location.origin)) {
    port.postMessage(refusal)
    port.disconnect()
    return
  }
  ports.add(port)
  port.onDisconnect.addListener(() => ports.delete(port))
  port.onMessage.addListener((message) => {
    const ask = askOf(message)
    if (ask) void desk.act(ask)
  })
  port.postMessage(desk.view)
})
// Our pages use a port; whoever sends single messages is none of them.
runtime.onMessage.addListener((_message, _sender, answer) => {
  answer(refusal)
})
storage.onChanged.addListener((changes) => {
  if ('settings' in changes) void desk.act({ do: 'look' })
})
void seal()
