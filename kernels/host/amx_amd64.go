//go:build goexperiment.simd && !purego

package host

import "fmt"

// emulateAMX returns kernels of AMX whose machine code is run by call, which gets the address where it begins.
func emulateAMX(call func(entry uintptr, c *amxCall) error) (all [formatCount]amxKernels) {
	at := 0
	for _, f := range []format{formatBF16, formatInt8} {
		for w := range 2 {
			for x := range 2 {
				if amxTier[f][w][x] == nil {
					continue
				}
				name, entry := amxNames[at], amxEntries[at]
				at++
				all[f][w][x] = func(c *amxCall) {
					if err := call(entry, c); err != nil {
						panic(fmt.Sprintf("%s: %v", name, err))
					}
				}
			}
		}
	}
	return all
}
