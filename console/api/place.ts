import { type Signal, signal } from '@preact/signals'

import { type Place, placeOf } from '../logic/route.ts'

/** Where in the console somebody is. */
export const place: Signal<Place> = signal<Place>(placeOf(location.hash))

addEventListener('hashchange', () => (place.value = placeOf(location.hash)))
