package coldstart

import (
	"archive/zip"
	"compress/flate"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// build builds the function as `make build` does, for this machine's processor, and weighs its archive.
func (m *measured) build(ctx context.Context, root, dir string) error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("functions are programs for Linux, and this is %s", runtime.GOOS)
	}
	from := "./functions/" + m.name
	if m.name == bare {
		from = "./pkg/desk/coldstart/bare"
	}
	m.bootstrap = filepath.Join(dir, m.name, "bootstrap")
	cmd := exec.CommandContext(ctx, "go", "build", "-tags=lambda.norpc", "-trimpath", "-ldflags=-s", "-buildvcs=false", "-o", m.bootstrap, from)
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: go build: %w: %s", m.name, err, said)
	}
	return m.weigh()
}

// weigh compresses the program as well as Go can, which is a hundredth worse than the zlib of an upload by SAM.
func (m *measured) weigh() error {
	program, err := os.Open(m.bootstrap)
	if err != nil {
		return err
	}
	defer func() { _ = program.Close() }()
	var sum counter
	z := zip.NewWriter(&sum)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestCompression) })
	w, err := z.Create("bootstrap")
	if err != nil {
		return err
	}
	if m.size, err = io.Copy(w, program); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	m.archive = int64(sum)
	return nil
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
