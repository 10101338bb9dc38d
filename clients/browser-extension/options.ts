/**
 * The settings page. The rule: it writes what the person typed and nothing it made up; the address of an API is asked of
 * the browser as a permission of its own, so that this extension can go nowhere the person has not said.
 */
import { permissions, runtime } from './chrome.ts'
import { readSettings, type Settings, writeSettings, writeToken } from './settings.ts'

const form = document.querySelector('form')
const said = document.querySelector('#said')
const say = (words: string): void => {
  if (said) said.textContent = words
}

function typed(of: HTMLFormElement): Settings {
  const data = new FormData(of)
  const text = (name: string): string => {
    const value = data.get(name)
    return typeof value === 'string' ? value.trim() : ''
  }
  return {
    channel: text('channel') === 'http' ? 'http' : 'native',
    ...{ url: text('url').replace(/\/$/u, ''), publicKey: text('publicKey'), api: text('api') },
  }
}

/** What is wrong with the settings, in a sentence. */
function complaint({ channel, url, publicKey, api }: Settings): string | undefined {
  if (channel === 'http' && !/^http:\/\/127\.0\.0\.1:\d{1,5}$/u.test(url))
    return 'The address must be http://127.0.0.1:PORT, as “valetkey status” shows it.'
  if (channel === 'http' && !/^[\w-]{43}$/u.test(publicKey))
    return 'The key has 43 characters; “valetkey status” shows it.'
  if (api !== '' && !/^https:\/\/[^/]|^http:\/\/127\.0\.0\.1[:/]/u.test(api))
    return 'A token is sent over https, or to this machine, and nowhere else.'
  return undefined
}

async function save(settings: Settings): Promise<void> {
  const wrong = complaint(settings)
  if (wrong !== undefined) {
    say(wrong)
    return
  }
  // Before anything is awaited: browsers ask only while they handle what the person did.
  const allowed = settings.api.startsWith('https:')
    ? permissions.request({ origins: [`${new URL(settings.api).origin}/*`] })
    : Promise.resolve(true)
  const reached = await allowed
  await writeSettings(settings)
  say(reached ? 'Saved.' : 'Saved; but without the permission the API may refuse what this extension reads.')
}

async function start(of: HTMLFormElement): Promise<void> {
  const install = document.querySelector('#install')
  if (install) install.textContent = `valetkey native-host install --extension-id ${runtime.id}`
  of.addEventListener('submit', (event) => {
    event.preventDefault()
    void save(typed(of))
  })
  document.querySelector('#forget')?.addEventListener('click', () => {
    const name = JSON.stringify(runtime.getManifest().name)
    void Promise.all([writeToken('native', ''), writeToken('http', '')]).then(() => {
      say(`Forgotten here. So that the broker forgets it too, run: valetkey revoke ${name}`)
    })
  })
  const settings = await readSettings()
  for (const [name, value] of Object.entries(settings)) {
    const field = of.elements.namedItem(name)
    if (field instanceof HTMLInputElement || field instanceof RadioNodeList) field.value = value as string
  }
  // Until now what was typed would have been overwritten.
  document.querySelector('#all')?.removeAttribute('disabled')
}

if (form) void start(form)
