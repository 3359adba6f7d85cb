import { type Signal, signal } from '@preact/signals'

const themes = ['auto', 'light', 'dark'] as const

export type Theme = (typeof themes)[number]

const KEY = 'holdfast-theme'

/** What the reader chose; `auto` is what the machine says. */
export const theme: Signal<Theme> = signal<Theme>(
  themes.find(name => name === localStorage.getItem(KEY)) ?? 'auto',
)

export function nextTheme(): void {
  theme.value = themes[(themes.indexOf(theme.value) + 1) % themes.length] ?? 'auto'
  localStorage.setItem(KEY, theme.value)
}

theme.subscribe(name => {
  if (name === 'auto') delete document.documentElement.dataset['theme']
  else document.documentElement.dataset['theme'] = name
})
