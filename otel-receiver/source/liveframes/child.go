package liveframes

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
)

// childEnv holds the configuration for a child process.
const childEnv = "SKEIN_LIVEFRAMES"

// Child runs in a process of its own, so that the CPU time of the caller is not
// mixed with that of the sender. The program must call [Main] first.
func Child(ctx context.Context, cfg Config) (Result, error) {
	spec, err := json.Marshal(cfg)
	if err != nil {
		return Result{}, fmt.Errorf("encode configuration: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return Result{}, fmt.Errorf("find own program: %w", err)
	}
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), childEnv+"="+string(spec))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return Result{}, fmt.Errorf("run sender: %w: %s", err, bytes.TrimSpace(stderr.Bytes()))
	}
	var res Result
	if err := json.Unmarshal(out, &res); err != nil {
		return Result{}, fmt.Errorf("read what the sender says: %w", err)
	}
	return res, nil
}

// Main is the child process: when this is one, it sends, prints the result and
// returns the exit status and true. Call it first in TestMain.
func Main() (status int, child bool) {
	spec, child := os.LookupEnv(childEnv)
	if !child {
		return 0, false
	}
	var cfg Config
	err := json.Unmarshal([]byte(spec), &cfg)
	if err == nil {
		var res Result
		if res, err = Run(context.Background(), cfg); err == nil {
			err = json.NewEncoder(os.Stdout).Encode(res)
		}
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, err)
		return 1, true
	}
	return 0, true
}
