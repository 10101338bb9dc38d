/**
 * `Menu` and `MenuItem` (Electron's pages of those names). The rule: a menu is its items; nothing is drawn, a test finds an
 * item by id and clicks it.
 *
 * Modelled: building, finding, the application menu, `popup` (kept in `electronStandIn.popups`), `click()` with the toggling
 * of check boxes and radio items, the labels of roles. Not modelled: accelerators; what a role does, except `quit`, which
 * throws when clicked; visibility on macOS.
 */
import type Electron from 'electron'
import { control } from './control.ts'
import { modelledEmitter, notModelled, modelled } from './modelled.ts'

type Statics = Pick<
  typeof Electron.Menu,
  'buildFromTemplate' | 'getApplicationMenu' | 'setApplicationMenu' | 'sendActionToFirstResponder'
>

/** `selectAll` is called "Select All" where the app gives no label; the first letters are all that is modelled. */
const labelOfRole = (role: string): string =>
  role.replace(/^./u, (first) => first.toUpperCase()).replaceAll(/(?<=[a-z])(?=[A-Z])/gu, ' ')

let lastCommand = 0

function createItem(options: Electron.MenuItemConstructorOptions, menu: Electron.Menu): Electron.MenuItem {
  const { role, click, submenu } = options
  const item: Electron.MenuItem = modelled<Electron.MenuItem>('MenuItem', {
    ...{ checked: false, enabled: true, visible: true, sublabel: '', toolTip: '', registerAccelerator: true },
    ...options,
    commandId: ++lastCommand,
    id: options.id ?? '',
    label: options.label ?? (role === undefined ? '' : labelOfRole(role)),
    type: options.type ?? (submenu === undefined ? 'normal' : 'submenu'),
    menu,
    submenu: Array.isArray(submenu) ? Menu.buildFromTemplate(submenu) : submenu,
    click: (event: Electron.KeyboardEvent = {}, window?: Electron.BaseWindow) => {
      if (item.type === 'checkbox') item.checked = !item.checked
      if (item.type === 'radio') chooseRadio(item)
      if (click) click(item, window, event)
      else if (role !== undefined) throw notModelled('MenuItem', `click() with role '${role}'`)
    },
  } as Partial<Electron.MenuItem>)
  return item
}

/** Radio items that stand together exclude each other. */
function chooseRadio(item: Electron.MenuItem): void {
  const { items } = item.menu
  const at = items.indexOf(item)
  const start = items.slice(0, at).findLastIndex(({ type }) => type !== 'radio') + 1
  const end = items.findIndex(({ type }, index) => index > at && type !== 'radio')
  for (const other of items.slice(start, end === -1 ? items.length : end)) other.checked = other === item
}

/** `new MenuItem(options)`, as `Menu` takes it. */
export const MenuItem = function (options: Electron.MenuItemConstructorOptions): Electron.MenuItem {
  return createItem(options, new Menu())
} as unknown as typeof Electron.MenuItem

let applicationMenu: Electron.Menu | null = null

export class Menu extends modelledEmitter<Electron.Menu, Statics>('Menu') {
  static override buildFromTemplate(
    template: (Electron.MenuItem | Electron.MenuItemConstructorOptions)[],
  ): Electron.Menu {
    const menu = new Menu()
    for (const options of template) menu.items.push(createItem(options as Electron.MenuItemConstructorOptions, menu))
    return menu
  }

  static override getApplicationMenu(): Electron.Menu | null {
    return applicationMenu
  }

  static override setApplicationMenu(menu: Electron.Menu | null): void {
    applicationMenu = menu
  }

  override readonly items: Electron.MenuItem[] = []

  override append(menuItem: Electron.MenuItem): void {
    this.items.push(menuItem)
  }

  override insert(pos: number, menuItem: Electron.MenuItem): void {
    this.items.splice(pos, 0, menuItem)
  }

  override getMenuItemById(id: string): Electron.MenuItem | null {
    for (const item of this.items) {
      const found = item.id === id ? item : item.submenu?.getMenuItemById(id)
      if (found) return found
    }
    return null
  }

  override popup(): void {
    control.popups.push(this)
    this.emit('menu-will-show')
  }

  override closePopup(): void {
    this.emit('menu-will-close')
  }
}
