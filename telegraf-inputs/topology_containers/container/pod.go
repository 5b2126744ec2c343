package container

import (
	"cmp"

	"github.com/skein-net/skein/internal/entity"
)

// Pod is the pod of Kubernetes that a container belongs to.
type Pod struct {
	UID, Name, Namespace string
	// ContainerName is the container's name within the pod, empty for a sandbox.
	ContainerName string
	// Sandbox tells that this is the container that holds the namespaces of the
	// pod; SandboxID is the ID of that, where known.
	Sandbox   bool
	SandboxID string
}

// Labels that the kubelet gives to containers
// (k8s.io/kubernetes/pkg/kubelet/types/labels.go), and annotations by which the
// runtimes tell a sandbox from a container.
const (
	labelPodUID       = "io.kubernetes.pod.uid"
	labelPodName      = "io.kubernetes.pod.name"
	labelPodNamespace = "io.kubernetes.pod.namespace"
	labelContainer    = "io.kubernetes.container.name"

	labelDockerType   = "io.kubernetes.docker.type" // dockershim, cri-dockerd
	labelContainerd   = "io.cri-containerd.kind"    // containerd's CRI service
	labelDockerParent = "io.kubernetes.sandbox.id"  // dockershim, cri-dockerd
	criPrefix         = "io.kubernetes.cri."        // containerd's CRI service
	crioPrefix        = "io.kubernetes.cri-o."      // CRI-O
	sandboxName       = "POD"                       // a sandbox's name to dockershim and CRI-O
)

// FindPod recognises a container of a pod by its labels or annotations; nil when
// it belongs to none.
func FindPod(labels, annotations map[string]string) *Pod {
	either := func(key string) string { return cmp.Or(labels[key], annotations[key]) }
	p := &Pod{
		UID:           cmp.Or(either(labelPodUID), annotations[criPrefix+"sandbox-uid"]),
		Name:          cmp.Or(either(labelPodName), annotations[criPrefix+"sandbox-name"], annotations[crioPrefix+"KubeName"]),
		Namespace:     cmp.Or(either(labelPodNamespace), annotations[criPrefix+"sandbox-namespace"], annotations[crioPrefix+"Namespace"]),
		ContainerName: cmp.Or(either(labelContainer), annotations[criPrefix+"container-name"]),
		SandboxID:     cmp.Or(annotations[criPrefix+"sandbox-id"], annotations[crioPrefix+"SandboxID"], labels[labelDockerParent]),
	}
	if p.UID == "" && (p.Name == "" || p.Namespace == "") {
		return nil
	}
	p.Sandbox = p.ContainerName == sandboxName ||
		labels[labelDockerType] == "podsandbox" || labels[labelContainerd] == "sandbox" ||
		annotations[criPrefix+"container-type"] == "sandbox" || annotations[crioPrefix+"ContainerType"] == "sandbox"
	if p.Sandbox {
		p.ContainerName = ""
	}
	return p
}

// value is the map K8s.
func (p *Pod) value() entity.Value {
	return entity.Map(entity.Attrs{
		entity.A("PodUID", optional(p.UID)),
		entity.A("PodName", optional(p.Name)),
		entity.A("PodNamespace", optional(p.Namespace)),
		entity.A("ContainerName", optional(p.ContainerName)),
		entity.A("Sandbox", entity.Bool(p.Sandbox)),
		entity.A("SandboxID", optional(p.SandboxID)),
	}.Normalize())
}
