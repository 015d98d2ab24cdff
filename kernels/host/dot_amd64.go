//go:build goexperiment.simd

package host

import "unsafe"

// dotF32 computes a tile of rows (1 to 3) by 4.
func dotF32(x unsafe.Pointer, ldx uintptr, rows int, w unsafe.Pointer, ldw uintptr, k int, y unsafe.Pointer, ldy uintptr, add bool) {
	switch rows {
	case 1:
		dotF321(x, ldx, w, ldw, k, y, ldy, add)
	case 2:
		dotF322(x, ldx, w, ldw, k, y, ldy, add)
	default:
		dotF323(x, ldx, w, ldw, k, y, ldy, add)
	}
}

func dotBF16(x unsafe.Pointer, ldx uintptr, rows int, w unsafe.Pointer, ldw uintptr, k int, y unsafe.Pointer, ldy uintptr, add bool) {
	switch rows {
	case 1:
		dotBF161(x, ldx, w, ldw, k, y, ldy, add)
	case 2:
		dotBF162(x, ldx, w, ldw, k, y, ldy, add)
	default:
		dotBF163(x, ldx, w, ldw, k, y, ldy, add)
	}
}

func dotInt8(x unsafe.Pointer, ldx uintptr, rows int, w unsafe.Pointer, ldw uintptr, k int, y unsafe.Pointer, ldy uintptr, xscale, wscale unsafe.Pointer, add bool) {
	switch rows {
	case 1:
		dotInt81(x, ldx, w, ldw, k, y, ldy, xscale, wscale, add)
	case 2:
		dotInt82(x, ldx, w, ldw, k, y, ldy, xscale, wscale, add)
	default:
		dotInt83(x, ldx, w, ldw, k, y, ldy, xscale, wscale, add)
	}
}

func mixF32(p unsafe.Pointer, ldp uintptr, rows int, v unsafe.Pointer, ldv uintptr, n int, y unsafe.Pointer, ldy uintptr) {
	switch rows {
	case 1:
		mixF321(p, ldp, v, ldv, n, y, ldy)
	case 2:
		mixF322(p, ldp, v, ldv, n, y, ldy)
	default:
		mixF323(p, ldp, v, ldv, n, y, ldy)
	}
}

func mixBF16(p unsafe.Pointer, ldp uintptr, rows int, v unsafe.Pointer, ldv uintptr, n int, y unsafe.Pointer, ldy uintptr) {
	switch rows {
	case 1:
		mixBF161(p, ldp, v, ldv, n, y, ldy)
	case 2:
		mixBF162(p, ldp, v, ldv, n, y, ldy)
	default:
		mixBF163(p, ldp, v, ldv, n, y, ldy)
	}
}
