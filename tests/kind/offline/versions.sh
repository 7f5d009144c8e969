# Sourced: the versions that belong together.
# v1.34 is the last Kubernetes whose kubelet takes cgroup v1 without being asked, and Debian 12's containerd 1.6 serves it well.
KUBERNETES=v1.34.4
OLD_KUBELET=v1.33.13 # the workers': one minor behind, to be upgraded
ETCD=v3.6.5 COREDNS=v1.12.1 PAUSE=3.10.1 # what kubeadm of that version lists
KIND=v0.30.0
NODE_IMAGE=underway/node:$KUBERNETES
OLD_NODE_IMAGE=underway/node:$OLD_KUBELET
SHOP_IMAGE=underway/shop
SHOP_VERSIONS=(1 2 crash unready flaky)
