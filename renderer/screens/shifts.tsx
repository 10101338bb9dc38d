/**
 * Profiles above the accounts: when each one's shift ends, and the button that ends it. The rule: ending asks once, and
 * then says of every account what became of it, what could not be revoked first.
 */
import { type ReactElement, useId, useState } from 'react'
import type { Account } from '../../main/contract/model.ts'
import type { ShiftReport, Snapshot } from '../../main/contract/window-api.ts'
import { nextTime, profilesOf, type Profile, shiftWords } from '../profiles.ts'
import { useStore } from '../state.ts'
import { text } from '../text.ts'
import { Button, Problem, useAction } from '../ui/action.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { Field } from '../ui/field.tsx'
import { Clock } from '../ui/time.tsx'
import { LongText, Name, Sentence } from '../ui/words.tsx'

export function Shifts({ snapshot, now }: { readonly snapshot: Snapshot; readonly now: number }): ReactElement | null {
  const profiles = profilesOf(snapshot.accounts)
  const [ended, setEnded] = useState<ShiftReport>()
  if (profiles.length === 0 && ended === undefined) return null
  return (
    <section className="shifts" aria-label={text.shifts.title}>
      {profiles.map((profile) => (
        <Shift key={profile.name} profile={profile} now={now} onEnded={setEnded} />
      ))}
      <Report
        report={ended}
        onClose={() => {
          setEnded(undefined)
        }}
      />
    </section>
  )
}

interface ShiftProps {
  readonly profile: Profile
  readonly now: number
  readonly onEnded: (report: ShiftReport) => void
}

function Shift({ profile, now, onEnded }: ShiftProps): ReactElement {
  const [asking, setAsking] = useState<'end' | 'until'>()
  const close = (): void => {
    setAsking(undefined)
  }
  const heading = useId()
  return (
    <article className="card shift" aria-labelledby={heading}>
      <div className="row-body">
        <h2 id={heading} className="clip">
          <Name of={profile.name} />
        </h2>
        <p className="row-more">
          {text.shifts.accounts(profile.accounts.length)} ·{' '}
          {profile.ends_at === undefined ? (
            text.shifts.noEnd
          ) : (
            <Sentence of={text.shifts.ends} values={{ time: <Clock at={profile.ends_at} now={now} /> }} />
          )}
        </p>
      </div>
      <div className="actions">
        <Button
          onPress={() => {
            setAsking('until')
          }}
        >
          {text.shifts.setEnd}
        </Button>
        <Button
          tone="danger"
          onPress={() => {
            setAsking('end')
          }}
        >
          {text.shifts.end}
        </Button>
      </div>
      <Until profile={profile} open={asking === 'until'} onClose={close} />
      <End profile={profile} open={asking === 'end'} onClose={close} onEnded={onEnded} />
    </article>
  )
}

interface AskProps {
  readonly profile: Profile
  readonly open: boolean
  readonly onClose: () => void
}

function Until({ profile, open, onClose }: AskProps): ReactElement {
  const store = useStore()
  const action = useAction()
  const [time, setTime] = useState('18:00')
  const set = (ends_at?: number): void => {
    action.run(async () => {
      await store.call('setShiftEnd', {
        profile: profile.name,
        ...(ends_at !== undefined && { ends_at }),
      })
      onClose()
    })
  }
  return (
    <Dialog title={text.shifts.untilTitle} open={open} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          const at = nextTime(time, Date.now())
          if (at !== undefined) set(at)
        }}
      >
        <p>{text.shifts.untilSays}</p>
        <Field label={text.shifts.time} type="time" value={time} onChange={setTime} required />
        <Problem error={action.error} />
        <div className="actions actions-end">
          <Button onPress={onClose}>{text.cancel}</Button>
          {profile.ends_at !== undefined && (
            <Button
              disabled={action.pending}
              onPress={() => {
                set()
              }}
            >
              {text.shifts.never}
            </Button>
          )}
          <button type="submit" className="button primary" disabled={action.pending}>
            <span>{text.shifts.save}</span>
          </button>
        </div>
      </form>
    </Dialog>
  )
}

function End({ profile, open, onClose, onEnded }: AskProps & Pick<ShiftProps, 'onEnded'>): ReactElement {
  const store = useStore()
  const action = useAction()
  return (
    <Dialog
      title={<Sentence of={text.shifts.endTitle} values={{ profile: <Name of={profile.name} /> }} />}
      open={open}
      onClose={onClose}
    >
      <p>{text.shifts.endSays(profile.accounts.length)}</p>
      <Problem error={action.error} />
      <div className="actions actions-end">
        <Button onPress={onClose}>{text.cancel}</Button>
        <Button
          tone="danger"
          disabled={action.pending}
          onPress={() => {
            action.run(async () => {
              onEnded(await store.call('endShift', { profile: profile.name }))
            })
          }}
        >
          {text.shifts.endDo}
        </Button>
      </div>
    </Dialog>
  )
}

function Report({
  report,
  onClose,
}: {
  readonly report: ShiftReport | undefined
  readonly onClose: () => void
}): ReactElement {
  const parts = (report?.accounts ?? []).toSorted((a, b) => shiftWords(a).order - shiftWords(b).order)
  return (
    <Dialog title={text.shifts.ended} open={report !== undefined} onClose={onClose}>
      <ul className="points">
        {parts.map((part) => (
          <li key={part.account_id}>
            <strong>
              <Name of={part.label} />
            </strong>{' '}
            (<Name of={part.provider_name} />
            ): {shiftWords(part).words}
            {part.detail !== undefined && (
              <div className="row-more">
                <LongText of={part.detail} />
              </div>
            )}
          </li>
        ))}
      </ul>
      {report?.locked && <p>{text.shifts.locked}</p>}
      <div className="actions actions-end">
        <Button tone="primary" onPress={onClose}>
          {text.shifts.close}
        </Button>
      </div>
    </Dialog>
  )
}

/** The dialog in which an account is put into a profile, or taken out of one. */
export function ChooseProfile({
  account,
  accounts,
  open,
  onClose,
}: {
  readonly account: Account
  readonly accounts: readonly Account[]
  readonly open: boolean
  readonly onClose: () => void
}): ReactElement {
  const store = useStore()
  const action = useAction()
  const [name, setName] = useState(account.profile ?? '')
  const list = useId()
  return (
    <Dialog title={text.shifts.choose} open={open} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          const profile = name.trim()
          action.run(async () => {
            await store.call('setProfile', { account: account.id, ...(profile !== '' && { profile }) })
            onClose()
          })
        }}
      >
        <p>{text.shifts.chooseSays}</p>
        <Field label={text.shifts.name} value={name} onChange={setName} list={list} />
        <datalist id={list}>
          {profilesOf(accounts).map((profile) => (
            <option key={profile.name} value={profile.name}>
              {profile.name}
            </option>
          ))}
        </datalist>
        <Problem error={action.error} />
        <div className="actions actions-end">
          <Button onPress={onClose}>{text.cancel}</Button>
          <button type="submit" className="button primary" disabled={action.pending}>
            <span>{text.shifts.save}</span>
          </button>
        </div>
      </form>
    </Dialog>
  )
}
