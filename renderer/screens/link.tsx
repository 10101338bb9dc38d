/**
 * Linking an account: choose the provider, say what it needs, sign in in the browser, arrive at the account. The rule:
 * what was typed stays until the sign-in worked, and an error stands at the field it is about.
 */
import { type ReactElement, useContext, useState } from 'react'
import type { Flow, ProviderSummary, SignIn } from '../../main/contract/model.ts'
import type { Snapshot } from '../../main/contract/window-api.ts'
import { clientWanted, emptyDraft, fieldOf, flowOf, requestOf, withoutPassword, type Draft } from '../link-draft.ts'
import { LinkMemoryContext } from '../link-memory.ts'
import { hrefOf, navigate } from '../navigation.ts'
import { useStore } from '../state.ts'
import { flowWords, redirectWords } from '../terms.ts'
import { text } from '../text.ts'
import { Button, Note, Problem, useAction } from '../ui/action.tsx'
import { Field } from '../ui/field.tsx'
import { Icon, Mark } from '../ui/icons.tsx'
import { Steps } from '../ui/steps.tsx'
import { Name, plain, Sentence } from '../ui/words.tsx'
import { Registration } from './registration.tsx'
import { SignInPanel } from './sign-in.tsx'

/** With fewer providers a filter is only in the way. */
const FILTER_FROM = 7

export function LinkScreen({
  snapshot,
  id,
}: {
  readonly snapshot: Snapshot
  readonly id: string | undefined
}): ReactElement {
  const store = useStore()
  const action = useAction()
  const memory = useContext(LinkMemoryContext)
  const [draft, setDraft] = useState<Draft>()
  const [started, setStarted] = useState<SignIn>()
  const provider = snapshot.providers.find((candidate) => candidate.id === draft?.provider)

  if (id !== undefined) {
    const signIn =
      snapshot.sign_ins.find((candidate) => candidate.id === id) ?? (started?.id === id ? started : undefined)
    return (
      <SignInPanel
        key={id}
        id={id}
        signIn={signIn}
        snapshot={snapshot}
        onStarted={setStarted}
        onForm={(redirect) => {
          const known = snapshot.providers.find((candidate) => candidate.id === signIn?.provider)
          if (known && draft?.provider !== known.id) setDraft({ ...emptyDraft(known), redirect })
          else setDraft((before) => before && { ...before, redirect })
          navigate('link')
        }}
      />
    )
  }
  return (
    <>
      <a className="back" href={hrefOf('accounts')}>
        <Icon name="back" /> {text.accounts.title}
      </a>
      <Steps at={provider ? 1 : 0} />
      <div className="head">
        <h1 tabIndex={-1}>
          {provider ? (
            <Sentence of={text.link.details} values={{ provider: <Name of={provider.name} /> }} />
          ) : (
            text.link.title
          )}
        </h1>
      </div>
      {provider && draft ? (
        <DetailsForm
          provider={provider}
          draft={draft}
          onChange={setDraft}
          action={action}
          onBack={() => {
            action.clear()
            setDraft(undefined)
          }}
          onSubmit={() => {
            action.run(async () => {
              const request = requestOf(draft, provider, snapshot.surface === 'window')
              const signIn = await store.call('link', request)
              const known = new Set(snapshot.accounts.map((account) => account.id))
              memory.set(signIn.id, { request: withoutPassword(request), known })
              setDraft({ ...draft, password: '' })
              setStarted(signIn)
              navigate('link', signIn.id)
            })
          }}
        />
      ) : (
        <ProviderChoice
          providers={snapshot.providers}
          onChoose={(chosen) => {
            setDraft(emptyDraft(chosen))
          }}
        />
      )}
    </>
  )
}

function ProviderChoice({
  providers,
  onChoose,
}: {
  readonly providers: readonly ProviderSummary[]
  readonly onChoose: (provider: ProviderSummary) => void
}): ReactElement {
  const [filter, setFilter] = useState('')
  const words = filter.trim().toLowerCase()
  const shown = providers.filter((provider) => `${provider.name} ${provider.id}`.toLowerCase().includes(words))
  return (
    <section aria-labelledby="choose">
      <h2 id="choose" className="quiet-heading">
        {text.link.choose}
      </h2>
      {providers.length === 0 && <p>{text.link.noProviders}</p>}
      {providers.length >= FILTER_FROM && (
        <Field label={text.link.filter} type="search" value={filter} onChange={setFilter} />
      )}
      <ul className="providers">
        {shown.map((provider) => (
          <li key={provider.id}>
            <button
              type="button"
              className="provider"
              disabled={provider.unconfirmed === true}
              onClick={() => {
                onChoose(provider)
              }}
            >
              <Mark of={provider.name} />
              <span className="clip">
                <Name of={provider.name} />
              </span>
            </button>
            {provider.unconfirmed && <p className="hint">{text.link.unconfirmed}</p>}
          </li>
        ))}
      </ul>
    </section>
  )
}

interface DetailsProps {
  readonly provider: ProviderSummary
  readonly draft: Draft
  readonly onChange: (draft: Draft) => void
  readonly action: ReturnType<typeof useAction>
  readonly onBack: () => void
  readonly onSubmit: () => void
}

function DetailsForm({ provider, draft, onChange, action, onBack, onSubmit }: DetailsProps): ReactElement {
  const variables = provider.variables.map(({ name }) => name)
  const names = [...variables, 'client_id', 'client_secret', 'scope', 'label']
  const wanted = clientWanted(draft, provider)
  const wrong = action.error && fieldOf(action.error, names)
  const errorAt = (name: string): string | undefined => (wrong === name ? action.error?.message : undefined)
  const documentation = provider.documentation?.startsWith('https://') ? provider.documentation : undefined
  return (
    <form
      className="card form"
      onSubmit={(event) => {
        event.preventDefault()
        if (!action.pending) onSubmit()
      }}
    >
      {draft.redirect !== undefined && <Note tone="info">{redirectWords(draft.redirect).how}</Note>}
      <FlowChoice provider={provider} draft={draft} onChange={onChange} />
      {provider.variables.map((variable) => (
        <Field
          key={variable.name}
          label={<Name of={variable.title} />}
          type={variable.secret ? 'password' : 'text'}
          value={draft.params[variable.name] ?? ''}
          required={variable.required && variable.default === undefined}
          optional={!variable.required || variable.default !== undefined}
          error={errorAt(variable.name)}
          hint={hintOf(variable)}
          onChange={(value) => {
            onChange({ ...draft, params: { ...draft.params, [variable.name]: value } })
          }}
        />
      ))}
      <Registration
        provider={provider}
        register={draft.register === true}
        onChange={(register) => {
          onChange({ ...draft, register })
        }}
      />
      {wanted.id !== 'none' && (
        <Field
          label={nameOf(provider, 'client_id') ?? text.link.clientId}
          hint={
            <>
              {helpOf(provider, 'client_id') ?? text.link.clientIdHint}{' '}
              {documentation !== undefined && (
                <a href={documentation} target="_blank" rel="noopener noreferrer">
                  {text.link.documentation} <Icon name="away" />
                </a>
              )}
            </>
          }
          required={wanted.id === 'required'}
          optional={wanted.id === 'optional'}
          value={draft.clientId}
          error={errorAt('client_id')}
          onChange={(clientId) => {
            onChange({ ...draft, clientId })
          }}
        />
      )}
      {wanted.secret !== 'none' && (
        <Field
          label={nameOf(provider, 'client_secret') ?? text.link.clientSecret}
          hint={
            helpOf(provider, 'client_secret') ??
            (wanted.secret === 'required' ? text.link.clientSecretKept : text.link.clientSecretHint)
          }
          required={wanted.secret === 'required'}
          optional={wanted.secret === 'optional'}
          type="password"
          value={draft.clientSecret}
          error={errorAt('client_secret')}
          onChange={(clientSecret) => {
            onChange({ ...draft, clientSecret })
          }}
        />
      )}
      {provider.scopes.length > 0 && (
        <fieldset className="choices">
          <legend>{text.link.scopes}</legend>
          <div className="hint">{text.link.scopesHint}</div>
          {provider.scopes.map((scope) => (
            <label key={scope} className="choice">
              <input
                type="checkbox"
                checked={draft.scopes.includes(scope)}
                onChange={(event) => {
                  const others = draft.scopes.filter((other) => other !== scope)
                  onChange({ ...draft, scopes: event.target.checked ? [...others, scope] : others })
                }}
              />
              <code>
                <Name of={scope} />
              </code>
              {meaningOf(provider, scope)}
            </label>
          ))}
        </fieldset>
      )}
      <Field
        label={provider.scopes.length > 0 ? text.link.otherScopes : text.link.scopes}
        hint={text.link.otherScopesHint}
        optional
        value={draft.otherScopes}
        error={errorAt('scope')}
        onChange={(otherScopes) => {
          onChange({ ...draft, otherScopes })
        }}
      />
      <Field
        label={text.link.label}
        hint={text.link.labelHint}
        optional
        value={draft.label}
        error={errorAt('label')}
        onChange={(label) => {
          onChange({ ...draft, label })
        }}
      />
      <Problem error={wrong === undefined ? action.error : undefined} />
      <div className="actions actions-end">
        <Button onPress={onBack}>{text.link.back}</Button>
        <button type="submit" className="button primary" disabled={action.pending}>
          <span>{text.link.next}</span>
        </button>
      </div>
    </form>
  )
}

/**
 * How to sign in, where there is more than one way. Email and password are never chosen for anybody: the person has to turn
 * that on, and reads first what becomes of them.
 */
function FlowChoice({
  provider,
  draft,
  onChange,
}: Pick<DetailsProps, 'provider' | 'draft' | 'onChange'>): ReactElement | null {
  const { flows = [] } = provider
  if (flows.length < 2 && !flows.includes('password')) return null
  const chosen = flowOf(draft, provider)
  const choose = (flow: Flow): void => {
    onChange({ ...draft, flow, ...(flow !== 'password' && { username: '', password: '' }) })
  }
  return (
    <>
      <fieldset className="choices">
        <legend>{text.link.flow}</legend>
        {flows.map((flow) => (
          <label key={flow} className="choice">
            <input
              type="radio"
              name="flow"
              required
              checked={chosen === flow}
              onChange={() => {
                choose(flow)
              }}
            />
            <span className="choice-words">
              {flowWords(flow).name}
              <span className="hint">{flowWords(flow).how}</span>
            </span>
          </label>
        ))}
      </fieldset>
      {chosen === 'password' && (
        <>
          <Field
            label={text.link.username}
            value={draft.username}
            required
            onChange={(username) => {
              onChange({ ...draft, username })
            }}
          />
          <Field
            label={text.link.password}
            type="password"
            hint={text.link.passwordHint}
            value={draft.password}
            required
            onChange={(password) => {
              onChange({ ...draft, password })
            }}
          />
        </>
      )}
    </>
  )
}

type ClientField = 'client_id' | 'client_secret'

/** What the provider calls it, and where it is found there. A definition may be a stranger's, so its words are shown as names. */
function nameOf({ client_fields: fields }: ProviderSummary, field: ClientField): ReactElement | undefined {
  const label = fields?.[field]?.label
  return label === undefined ? undefined : <Name of={label} />
}
function helpOf({ client_fields: fields }: ProviderSummary, field: ClientField): ReactElement | undefined {
  const help = fields?.[field]?.help
  return help === undefined ? undefined : <Name of={help} />
}

/** A scope in plain words, where the definition has them. */
function meaningOf({ scope_descriptions: words }: ProviderSummary, scope: string): ReactElement | undefined {
  const meaning = words && Object.hasOwn(words, scope) ? words[scope] : undefined
  return meaning === undefined ? undefined : (
    <span className="hint">
      <Name of={meaning} />
    </span>
  )
}

function hintOf({
  description,
  example,
  default: standard,
}: ProviderSummary['variables'][number]): ReactElement | undefined {
  const value =
    standard !== undefined ? (
      <Sentence of={text.link.standard} values={{ value: <code>{plain(standard)}</code> }} />
    ) : example === undefined ? undefined : (
      <Sentence of={text.link.example} values={{ example: <code>{plain(example)}</code> }} />
    )
  if (description === undefined) return value
  return (
    <>
      <Name of={description} />
      {value && (
        <>
          <br />
          {value}
        </>
      )}
    </>
  )
}
