package alert

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// number makes a function on numbers one on whatever stands for a number.
func number(w *work, f func(float64) string) func(any) (string, error) {
	return func(arg any) (string, error) {
		v, err := toFloat(arg)
		if err != nil {
			return "", err
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Sprintf("%.4g", v), w.take(1)
		}
		return f(v), w.take(1)
	}
}

func toFloat(arg any) (float64, error) {
	v := reflect.ValueOf(arg)
	switch {
	case v.IsValid() && v.CanInt():
		if d, ok := arg.(time.Duration); ok {
			return d.Seconds(), nil
		}
		return float64(v.Int()), nil
	case v.IsValid() && v.CanUint():
		return float64(v.Uint()), nil
	case v.IsValid() && v.CanFloat():
		return v.Float(), nil
	}
	f, err := strconv.ParseFloat(show(arg), 64)
	if err != nil {
		return 0, fmt.Errorf("%.40q is no number", show(arg))
	}
	return f, nil
}

// humanize writes a number with a metric prefix, as Prometheus does.
func humanize(v float64) string {
	prefix := ""
	switch {
	case v == 0:
	case math.Abs(v) >= 1:
		for _, p := range []string{"k", "M", "G", "T", "P", "E", "Z", "Y"} {
			if math.Abs(v) < 1000 {
				break
			}
			prefix = p
			v /= 1000
		}
	default:
		for _, p := range []string{"m", "u", "n", "p", "f", "a", "z", "y"} {
			if math.Abs(v) >= 1 {
				break
			}
			prefix = p
			v *= 1000
		}
	}
	return fmt.Sprintf("%.4g%s", v, prefix)
}

// humanize1024 writes a number with a binary prefix, and a unit after it.
func humanize1024(v float64, unit string) string {
	prefix := ""
	for _, p := range []string{"ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"} {
		if math.Abs(v) < 1024 {
			break
		}
		prefix = p
		v /= 1024
	}
	if unit == "" {
		return fmt.Sprintf("%.4g%s", v, prefix)
	}
	return fmt.Sprintf("%.4g %s%s", v, strings.Replace(prefix, "k", "K", 1), unit)
}

// humanizeDuration writes seconds as days, hours, minutes and seconds, what is less
// than one with a metric prefix, as Prometheus does.
func humanizeDuration(v float64) string {
	if v == 0 {
		return "0s"
	}
	if math.Abs(v) < 1 {
		return humanize(v) + "s"
	}
	sign := ""
	if v < 0 {
		sign, v = "-", -v
	}
	s := int64(math.Min(v, math.MaxInt32*86400))
	d, h, m := s/86400, s/3600%24, s/60%60
	switch {
	case d > 0:
		return fmt.Sprintf("%s%dd %dh %dm %ds", sign, d, h, m, s%60)
	case h > 0:
		return fmt.Sprintf("%s%dh %dm %ds", sign, h, m, s%60)
	case m > 0:
		return fmt.Sprintf("%s%dm %ds", sign, m, s%60)
	}
	return fmt.Sprintf("%s%.4gs", sign, v)
}
