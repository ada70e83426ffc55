// What the files of the binding share: statuses as exceptions, buffers.
#ifndef WCZ_BINDING_H
#define WCZ_BINDING_H

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <memory>
#include <new>
#include <optional>

#include "wcz_kernel.h"

namespace wcz {

namespace nb = nanobind;

// A status as an exception; becomes wcodec.errors.PayloadError or SymbolError.
struct Fault {
    wcz_status status;
};

inline void require(wcz_status status) {
    if (status != WCZ_OK) {
        throw Fault{status};
    }
}

// Read-only bytes of any object with a contiguous buffer; alive and pinned as long as this is.
class Payload {
public:
    explicit Payload(nb::handle source) {
        if (PyObject_GetBuffer(source.ptr(), &view_, PyBUF_SIMPLE) != 0) {
            throw nb::python_error();
        }
    }
    Payload(const Payload &) = delete;
    Payload &operator=(const Payload &) = delete;
    ~Payload() { PyBuffer_Release(&view_); }

    const uint8_t *data() const { return static_cast<const uint8_t *>(view_.buf); }
    size_t size() const { return static_cast<size_t>(view_.len); }

private:
    Py_buffer view_;
};

inline std::unique_ptr<uint8_t[]> allocate(uint64_t size) {
    if (size > SIZE_MAX / 2) {
        throw std::bad_alloc();
    }
    return std::unique_ptr<uint8_t[]>(new uint8_t[static_cast<size_t>(size) + 1]);
}

using ConstSymbols = nb::ndarray<const int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Symbols = nb::ndarray<int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

// Where a cost meter puts the costs of symbols, if it is asked to.
using Costs = nb::ndarray<uint32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

inline uint32_t *costs_of(const std::optional<Costs> &costs, size_t symbols) {
    if (costs && costs->size() != symbols) {
        throw Fault{WCZ_ARGUMENT};
    }
    return costs ? costs->data() : nullptr;
}

// Adds the context coder to the module. (binding_context.cpp)
void bind_context(nb::module_ &module);

// Adds the rans coder to the module. (binding_rans.cpp)
void bind_rans(nb::module_ &module);

// Adds the mixing coder to the module. (binding_mixing.cpp)
void bind_mixing(nb::module_ &module);

// Adds the coder of round messages to the module. (binding_temporal.cpp)
void bind_temporal(nb::module_ &module);

}  // namespace wcz

#endif
