// The kernel for Python, with binding_*.cpp: checks sizes, owns buffers, releases the GIL, turns statuses into errors.
#include <nanobind/stl/string.h>

#include <memory>
#include <stdexcept>
#include <string>

#include "binding.h"

namespace nb = nanobind;
using namespace wcz;

namespace {

using ConstBytes = nb::ndarray<const uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Bytes = nb::ndarray<uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

const char *rule(wcz_status status) {
    switch (status) {
        case WCZ_TRUNCATED: return "payload ends before its last symbol";
        case WCZ_CORRUPT: return "payload holds a code that no encoder writes";
        case WCZ_OVERRUN: return "payload holds more symbols than its arrays";
        case WCZ_SYMBOL: return "symbol outside -(2**31 - 1) .. 2**31 - 1, or a run of 2**31 - 1 and more";
        case WCZ_CAPACITY: return "kernel buffer too small";
        default: return "kernel parameter outside its range";
    }
}

void raise_fault(const Fault &fault) {
    if (fault.status == WCZ_CAPACITY || fault.status == WCZ_ARGUMENT) {
        PyErr_SetString(PyExc_ValueError, rule(fault.status));
        return;
    }
    const char *name = fault.status == WCZ_SYMBOL ? "SymbolError" : "PayloadError";
    nb::object error = nb::module_::import_("wcodec.errors").attr(name);
    PyErr_SetObject(error.ptr(), nb::str(rule(fault.status)).ptr());
}

nb::bytes run_length_encode(ConstSymbols values, int run_code, int magnitude_code, bool non_zero_runs) {
    const wcz_run_length_format format = {run_code, magnitude_code, non_zero_runs};
    std::unique_ptr<uint8_t[]> payload;
    size_t written = 0;
    {
        nb::gil_scoped_release unlocked;
        uint64_t bits = 0;
        require(wcz_run_length_bits(values.data(), values.size(), &format, &bits));
        payload = allocate(bits / 8 + 1);
        require(wcz_run_length_encode(values.data(), values.size(), &format, payload.get(), bits / 8 + 1, &written));
    }
    return nb::bytes(payload.get(), written);
}

size_t run_length_decode(nb::handle source, int run_code, int magnitude_code, bool non_zero_runs, Symbols out) {
    const wcz_run_length_format format = {run_code, magnitude_code, non_zero_runs};
    Payload payload(source);
    size_t consumed = 0;
    nb::gil_scoped_release unlocked;
    require(wcz_run_length_decode(payload.data(), payload.size(), &format, out.data(), out.size(), &consumed));
    return consumed;
}

// Elements of `width` bytes each, where the buffer is whole and aligned to them.
wcz_elements elements_of(const uint8_t *data, size_t size, unsigned width, int fold) {
    const bool wide = width == 2 || width == 4 || width == 8;
    const bool known = fold == WCZ_FOLD_NONE || fold == WCZ_FOLD_ROTATE || fold == WCZ_FOLD_ZIGZAG;
    const bool sound = wide ? known : width == 1 && fold == WCZ_FOLD_NONE;
    if (!sound || size % width != 0 || reinterpret_cast<uintptr_t>(data) % width != 0) {
        throw Fault{WCZ_ARGUMENT};
    }
    return {const_cast<uint8_t *>(data), size / width, width, static_cast<wcz_fold>(fold)};
}

nb::bytes plane_encode(ConstBytes source, unsigned width, int fold) {
    const wcz_elements elements = elements_of(source.data(), source.size(), width, fold);
    std::unique_ptr<uint8_t[]> payload;
    size_t written = 0;
    {
        nb::gil_scoped_release unlocked;
        auto scratch = std::unique_ptr<wcz_plane_scratch>(new wcz_plane_scratch);
        auto planes = allocate(wcz_plane_room(&elements));
        const size_t capacity = wcz_plane_bound(&elements);
        payload = allocate(capacity);
        require(wcz_plane_encode(&elements, scratch.get(), planes.get(), payload.get(), capacity, &written));
    }
    return nb::bytes(payload.get(), written);
}

wcz_plane_path plane_path(const std::string &name) {
    if (name != "fastest" && name != "portable") {
        throw Fault{WCZ_ARGUMENT};
    }
    const wcz_plane_path vectors = name == "fastest" ? wcz_plane_avx2() : nullptr;
    return vectors ? vectors : wcz_plane_portable;
}

size_t plane_decode(nb::handle source, unsigned width, int fold, Bytes out, const std::string &path) {
    const wcz_elements elements = elements_of(out.data(), out.size(), width, fold);
    const wcz_plane_path chosen = plane_path(path);
    Payload payload(source);
    size_t consumed = 0;
    nb::gil_scoped_release unlocked;
    auto slots = std::unique_ptr<uint32_t[]>(new uint32_t[WCZ_PLANE_SLOTS]);
    auto planes = allocate(wcz_plane_room(&elements));
    require(wcz_plane_decode(chosen, payload.data(), payload.size(), slots.get(), planes.get(), &elements, &consumed));
    return consumed;
}

}  // namespace

NB_MODULE(_native, module) {
    module.doc() = "Native kernel of wcodec; its readable twin is wcodec.coders.reference.";
    nb::register_exception_translator([](const std::exception_ptr &thrown, void *) {
        try {
            std::rethrow_exception(thrown);
        } catch (const Fault &fault) {
            raise_fault(fault);
        }
    });

    bind_context(module);
    bind_rans(module);
    bind_mixing(module);
    bind_temporal(module);

    using namespace nb::literals;
    module.def("run_length_encode", &run_length_encode, "values"_a.noconvert(), "run_code"_a, "magnitude_code"_a,
               "non_zero_runs"_a);
    module.def("run_length_decode", &run_length_decode, "payload"_a, "run_code"_a, "magnitude_code"_a,
               "non_zero_runs"_a, "out"_a.noconvert());
    module.def("plane_encode", &plane_encode, "elements"_a.noconvert(), "width"_a, "fold"_a);
    module.def("plane_decode", &plane_decode, "payload"_a, "width"_a, "fold"_a, "out"_a.noconvert(),
               "path"_a = "fastest");
}
