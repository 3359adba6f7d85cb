import type { ComponentChildren, VNode } from 'preact'
import { useEffect, useId } from 'preact/hooks'

export interface PageProps {
  /** What the tab of the browser says, too. */
  readonly title: string
  /** Instead of the title in large. */
  readonly heading?: ComponentChildren
  readonly hint?: ComponentChildren
  readonly actions?: ComponentChildren
  readonly children: ComponentChildren
}

export function Page({ title, heading, hint, actions, children }: PageProps): VNode {
  useEffect(() => {
    document.title = `${title} · Holdfast`
  }, [title])
  return (
    <>
      <div class="head">
        <div class="title">
          <h1 class="wrap">{heading ?? title}</h1>
          {hint !== undefined && <p>{hint}</p>}
        </div>
        {actions}
      </div>
      {children}
    </>
  )
}

export interface PanelProps {
  readonly title: string
  /** At the right of the title. */
  readonly aside?: ComponentChildren
  /** Whether what is in it goes from edge to edge. */
  readonly isFlush?: boolean
  readonly children: ComponentChildren
}

export function Panel({ title, aside, isFlush = false, children }: PanelProps): VNode {
  const id = useId()
  return (
    <section class="panel" aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
        {aside}
      </header>
      <div class={isFlush ? 'body flush' : 'body'}>{children}</div>
    </section>
  )
}

export interface FactProps {
  readonly name: string
  readonly isLarge?: boolean
  readonly children: ComponentChildren
}

export const Facts = ({ children }: { children: ComponentChildren }): VNode => (
  <dl class="facts">{children}</dl>
)

export const Fact = ({ name, isLarge = false, children }: FactProps): VNode => (
  <div class={isLarge ? 'large' : ''}>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
)

export interface GridProps {
  /** How narrow a column may become. */
  readonly least: number
  /** Whether what stands side by side may be of different heights. */
  readonly isLoose?: boolean
  readonly children: ComponentChildren
}

export const Grid = ({ least, isLoose = false, children }: GridProps): VNode => (
  <div class={isLoose ? 'grid loose' : 'grid'} style={{ '--least': `${least}px` }}>
    {children}
  </div>
)
