package backend

import (
	"sync"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/go-xla/stablehlo"
	"github.com/gomlx/go-xla/types/shapes"

	"github.com/stele-lm/stele/internal/threads"
	"github.com/stele-lm/stele/kernels/host"
)

var registered sync.Map // path of a plugin → func() (kernels, handOvers error)

// registerHostCalls makes host products and host attention callable from the programs of the plugin at
// path, and what hands tensors over. The errors say why they are not.
func registerHostCalls(path string) (kernels, handOvers error) {
	once, _ := registered.LoadOrStore(path, sync.OnceValues(func() (kernels, handOvers error) {
		handOvers = registerHandOver(path)
		workers := &hostWorkers{team: host.NewTeam(threads.Count)}
		if err := registerProducts(path, workers); err != nil {
			return err, handOvers
		}
		return registerAttention(path, workers), handOvers
	}))
	return once.(func() (kernels, handOvers error))()
}

// hostWorkers is the threads that compute a program's calls.
type hostWorkers struct {
	lock sync.Mutex // XLA runs what does not depend on each other side by side
	team *host.Team
}

// do computes a call.
func (w *hostWorkers) do(compute func()) {
	w.lock.Lock()
	defer w.lock.Unlock()
	host.KeepSubnormals(compute)
}

// becomeCall makes a statement a custom call of a target with its inputs and outputs, to which it
// says some numbers.
func becomeCall(s *stablehlo.Statement, target string, numbers []int64) error {
	call, err := customCall()
	if err != nil {
		return err
	}
	s.OpType = call.OpType
	s.Attributes = map[string]any{"call_target_name": target, "api_version": int32(4)}
	if numbers != nil {
		s.Attributes["backend_config"] = numbersAttribute(numbers)
	}
	return nil
}

// customCall returns a statement that is a custom call: the operation has no exported name.
var customCall = sync.OnceValues(func() (*stablehlo.Statement, error) {
	fn := stablehlo.New("custom call").Main()
	x, err := fn.Input(shapes.Make(dtypes.Float32))
	if err != nil {
		return nil, err
	}
	_, err = stablehlo.CustomCallV2("none", "", []*stablehlo.Value{x}, nil, []shapes.Shape{x.Shape()}, nil)
	if err != nil {
		return nil, err
	}
	return fn.Statements[0], nil
})
