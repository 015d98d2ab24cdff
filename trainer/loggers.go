package trainer

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/stele-lm/stele/trainer/logger"
)

// AddLoggers adds tools to those that get the metrics.
func (c *Config) AddLoggers(names ...string) error {
	all := slices.Clone(c.Loggers)
	for _, name := range names {
		if !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	if err := logger.Check(all); err != nil {
		return err
	}
	c.Loggers = all
	return nil
}

// openLoggers begins the files of the run's loggers, with the steps that it has taken.
func (r *run) openLoggers() error {
	if !r.writes() {
		return nil
	}
	config, err := json.Marshal(r.config)
	if err != nil {
		return err
	}
	params, err := settingsOf(r.config)
	if err != nil {
		return err
	}
	dir, err := filepath.Abs(r.dir)
	if err != nil {
		return err
	}
	past, spent, err := r.past()
	if err != nil {
		return err
	}
	r.loggers, err = logger.Open(r.config.Loggers, logger.Run{
		Dir: r.dir, Name: filepath.Base(dir), Version: r.options.Version, Config: config, Params: params,
	}, past, spent, r.sayf)
	return err
}

// past is what metrics.jsonl and eval.jsonl have, in order. metrics.jsonl does not say when a step was taken
// but how long it took: times count from the run's beginning, and spent is the last.
func (r *run) past() (points []logger.Point, spent time.Duration, err error) {
	metrics, err := ReadMetrics(r.metricsPath())
	if err != nil {
		return nil, 0, err
	}
	evaluations := r.evaluations.all
	at := func() time.Time { return time.Time{}.Add(spent) }
	measured := func(step int) {
		for len(evaluations) > 0 && evaluations[0].Step <= step {
			one := evaluations[0]
			points = append(points, logger.Point{Step: one.Step, Time: at(), Values: one.metrics().forLoggers()})
			evaluations = evaluations[1:]
		}
	}
	for _, m := range metrics {
		step := int(m["step"])
		measured(step - 1)
		if took := m["timing_s/step"]; took > 0 {
			spent += time.Duration(took * float64(time.Second))
		}
		points = append(points, logger.Point{Step: step, Time: at(), Values: m.forLoggers()})
	}
	measured(r.done)
	return points, spent, nil
}

// forLoggers are the metrics without the step, which a logger has besides.
func (m Metrics) forLoggers() map[string]float64 {
	values := maps.Clone(map[string]float64(m))
	delete(values, "step")
	return values
}
