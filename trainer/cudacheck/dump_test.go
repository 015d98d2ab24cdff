package cudacheck

import (
	"reflect"
	"testing"
)

// TestReadsDumps: launches are counted as often as loops take them, inside of CUDA graphs and outside, and what
// only moves an input of the program is told from what computes.
func TestReadsDumps(t *testing.T) {
	const hlo = `HloModule step, is_scheduled=true, input_output_alias={ {0}: (0, {}, may-alias) }

%joined (a: bf16[8,4], b: bf16[4,4]) -> bf16[12,4] {
  %a = bf16[8,4]{1,0} parameter(0)
  %b = bf16[4,4]{1,0} parameter(1)
  ROOT %c = bf16[12,4]{1,0} concatenate(%a, %b), dimensions={0}
}

%scaled (a: bf16[8,4]) -> bf16[8,4] {
  %a.1 = bf16[8,4]{1,0} parameter(0)
  ROOT %c.1 = bf16[8,4]{1,0} multiply(%a.1, %a.1)
}

%body (p: (s32[], f32[16])) -> (s32[], f32[16]) {
  %p = (s32[], f32[16]{0}) parameter(0)
  %x = f32[16]{0} get-tuple-element(%p), index=1
  %moved = f32[16]{0} copy(%x)
  ROOT %t = (s32[], f32[16]{0}) tuple(%p, %moved)
}

ENTRY %main (Arg_0: bf16[8,4], Arg_1: bf16[4,4]) -> bf16[12,4] {
  %Arg_0 = bf16[8,4]{1,0} parameter(0)
  %Arg_1 = bf16[4,4]{1,0} parameter(1)
  %bitcast.1 = bf16[32]{0} bitcast(%Arg_0)
  %copy.1 = bf16[32]{0} copy(%bitcast.1)
  %fused = bf16[8,4]{1,0} fusion(%Arg_0), kind=kLoop, calls=%scaled
  %while.1 = (s32[], f32[16]{0}) while(%start), condition=%cond, body=%body, backend_config={"known_trip_count":{"n":"3"}}
  ROOT %wrapped = bf16[12,4]{1,0} fusion(%Arg_0, %Arg_1), kind=kLoop, calls=%joined
}`
	const thunks = `000: kCommandBuffer [source | next=003 (1)]
    001: kCustomKernel   [source       | next=002 (1)] loop_fusion grid: [1, 1, 1]
    002: kCublasLtMatmul [prev=001 (1) | sink] kCublasLtMatmul
003: kWhile         [prev=000 (1) | next=007 (1)]
condition:
    004: kCustomKernel [source | sink] loop_compare_fusion
  body:
    000: kCommandBuffer [source | sink]
        005: kCustomKernel       [source        | next=066 (7)] loop_clamp_fusion
        006: kAsyncStart         [source        | next=064 (4)] stream=computation_stream[0], async_id=56
            058: kDynamicSliceFusion [source | sink] params=1, results=1
                057: kCopy [source | sink] kCopy
007: kCustomKernel [source | sink] last
`
	m := readHLO(hlo)
	var r report
	r.countLaunches(thunks, m.trips())
	if want := (bounds{launches: 2 + 3*3 + 1, outside: 3 + 1}); r.bounds != want || r.graphs != 2 {
		t.Errorf("%+v, %d graphs, want %+v and 2", r.bounds, r.graphs, want)
	}
	want := []move{
		{copied{"copy.1", 64}, true}, {copied{"moved", 64}, false}, {copied{"wrapped", 96}, true},
	}
	if got := m.moves(); !reflect.DeepEqual(got, want) {
		t.Errorf("moves are %+v, want %+v", got, want)
	}
}
